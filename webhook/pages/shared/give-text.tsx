/** Texts leave a page: to the clipboard, or as a file. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

/** Milliseconds for which the button says that it was done. */
const saidMs = 2_000;

export function CopyButton({
  what,
  text,
}: {
  /** For screen readers, such as `the result`. */
  readonly what: string;
  readonly text: string;
}): VNode {
  const [said, setSaid] = useState('');
  const copy = async (): Promise<void> => {
    setSaid((await copied(text)) ? 'Copied' : 'The browser does not allow it');
    setTimeout(() => {
      setSaid('');
    }, saidMs);
  };
  return (
    <>
      <button type="button" onClick={() => void copy()}>
        Copy<span class="visually-hidden"> {what}</span>
      </button>
      <span class="muted" role="status">
        {said}
      </span>
    </>
  );
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Forbidden here, or not there at all in a page from a file.
    return false;
  }
}

export function DownloadButton({
  name,
  text,
}: {
  readonly name: string;
  readonly text: string;
}): VNode {
  return (
    <button
      type="button"
      onClick={() => {
        download(name, text);
      }}
    >
      Download<span class="visually-hidden"> {name}</span>
    </button>
  );
}

function download(name: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
