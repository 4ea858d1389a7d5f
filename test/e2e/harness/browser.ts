/** Debian's Chromium in the cluster's network, and pages as a person sees them. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { artefact } from './artefacts.ts';
import { repository, type Cluster } from './cluster.ts';

export interface Seen {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  /** Text of each section of the page, by its id. */
  readonly sections: Readonly<Record<string, string>>;
}

/** @param folder for the program that stands in for Chromium and starts it in there */
export async function openBrowser(cluster: Cluster, folder: string): Promise<Browser> {
  const wrapper = join(folder, 'chromium');
  const script = join(repository, 'scripts/cluster');
  const command = `exec "${script}" --name "${cluster.name}" exec -- chromium "$@"`;
  writeFileSync(wrapper, `#!/bin/sh\n${command}\n`);
  chmodSync(wrapper, 0o755);
  // As root there is no sandbox; what is shown are our own pages.
  return chromium.launch({ executablePath: wrapper, args: ['--no-sandbox'] });
}

/** Opens a page, keeps a picture of it as `<picture>.png`, and reads it. */
export async function see(browser: Browser, url: string, picture: string): Promise<Seen> {
  // The certificates of servers here are our own.
  const viewport = { width: 900, height: 720 };
  const page = await browser.newPage({ viewport, ignoreHTTPSErrors: true });
  try {
    const response = await page.goto(url);
    await page.screenshot({ path: artefact(`${picture}.png`) });
    const sections: Record<string, string> = {};
    for (const section of await page.locator('section').all()) {
      sections[(await section.getAttribute('id')) ?? ''] = await section.innerText();
    }
    const text = await page.locator('body').innerText();
    return { status: response?.status() ?? 0, title: await page.title(), text, sections };
  } finally {
    await page.close();
  }
}
