/** `svidecar serve` as a process of its own, with the heap that the manifests give it, and what it tells of itself. */
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { makeServingPair } from '../fakes/serving-pair.ts';
import { freePort } from '../integration/harness/free-port.ts';
import { startProcess, type RunningProcess } from '../integration/harness/processes.ts';

const repository = join(import.meta.dirname, '../..');
/** As manifests/kustomize/base/deployment.yaml. */
const heap = '--max-old-space-size=192 --max-semi-space-size=16';

/** Values of samples by name with labels, as `/metrics` prints them. */
export type Samples = ReadonlyMap<string, number>;

export class ControllerProcess {
  readonly #process: RunningProcess;
  readonly #port: number;
  readonly beganMs = performance.now();

  private constructor(process: RunningProcess, port: number) {
    this.#process = process;
    this.#port = port;
  }

  static async start(
    folder: string,
    kubeconfig: string,
    config?: string,
  ): Promise<ControllerProcess> {
    const pair = await makeServingPair();
    writeFileSync(join(folder, 'tls.crt'), pair.certificate);
    writeFileSync(join(folder, 'tls.key'), pair.key);
    const port = await freePort();
    const args = [
      join(repository, 'webhook/main.ts'),
      'serve',
      `--certificates=${folder}`,
      `--kubeconfig=${kubeconfig}`,
      '--host=127.0.0.1',
      `--port=${port}`,
      '--log-level=info',
      ...(config === undefined ? [] : [`--config=${config}`]),
    ];
    const running = startProcess({
      name: `svidecar-${port}`,
      command: process.execPath,
      args,
      folder,
      env: { NODE_OPTIONS: heap },
    });
    return new ControllerProcess(running, port);
  }

  async isReady(): Promise<boolean> {
    return (await this.#ask('/readyz')) === 'ready\n';
  }

  async samples(): Promise<Samples> {
    const lines = (await this.#ask('/metrics')).split('\n');
    const pairs = lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line): [string, number] => {
        const space = line.lastIndexOf(' ');
        return [line.slice(0, space), Number(line.slice(space + 1))];
      });
    return new Map(pairs);
  }

  /** Resident, now and at most, in MiB. @see proc(5) */
  memory(): { readonly rssMib: number; readonly peakMib: number } {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8');
    const kib = (name: string): number =>
      Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]);
    return { rssMib: kib('VmRSS') / 1024, peakMib: kib('VmHWM') / 1024 };
  }

  /** Milliseconds of processor time so far. @see proc(5): utime and stime, in ticks of 10 ms */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ');
    return (Number(fields?.[11]) + Number(fields?.[12])) * 10;
  }

  logTail(): string {
    return this.#process.logTail();
  }

  stop(): Promise<void> {
    return this.#process.stop(0);
  }

  #ask(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      // The pair is our own and self-signed; nothing but this process listens there.
      const options = { host: '127.0.0.1', port: this.#port, path, rejectUnauthorized: false };
      get(options, (response) => {
        textOf(response).then(resolve, reject);
      }).on('error', reject);
    });
  }
}
