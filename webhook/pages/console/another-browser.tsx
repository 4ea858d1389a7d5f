/** The printed address works once: for another browser, or another person at this machine, the page asks for one more. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { consolePaths } from '../../console/console-model.ts';
import { ask, whyNot } from './console-asking.ts';
import { CommandText } from './page-parts.tsx';

export function AnotherBrowser(): VNode {
  const [address, setAddress] = useState<string>();
  const [problem, setProblem] = useState('');
  const onAsk = async (): Promise<void> => {
    const reply = await ask<{ readonly address: string }>(consolePaths.anotherAddress, {});
    setAddress(reply.kind === 'value' ? reply.value.address : undefined);
    setProblem(reply.kind === 'value' ? '' : whyNot(reply));
  };
  return (
    <div class="another row">
      <button type="button" onClick={() => void onAsk()}>
        Address for another browser
      </button>
      <span class="muted" role="status">
        {address === undefined ? problem : 'It works once:'}
      </span>
      {address !== undefined && <CommandText command={address} label="address" />}
    </div>
  );
}
