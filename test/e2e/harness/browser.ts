/** Debian's Chromium in the cluster's network, and pages as a person sees them. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { artefact } from './artefacts.ts';
import { repository, type Cluster } from './cluster.ts';

export interface Seen {
  readonly status: number;
  readonly title: string;
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
  const page = await browser.newPage({ viewport: { width: 900, height: 720 } });
  try {
    const response = await page.goto(url);
    await page.screenshot({ path: artefact(`${picture}.png`) });
    const sections: Record<string, string> = {};
    for (const section of await page.locator('section').all()) {
      sections[(await section.getAttribute('id')) ?? ''] = await section.innerText();
    }
    return { status: response?.status() ?? 0, title: await page.title(), sections };
  } finally {
    await page.close();
  }
}
