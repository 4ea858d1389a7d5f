/** The whole page: what runs, the buttons, and the way of the request that was sent last. */
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { PageFrame } from '../shared/page-frame.tsx';
import { Notice } from '../shared/status-badge.tsx';
import type { SendRequest, StartDataPath, StartOverview, RequestWay } from '../../dev/way-model.ts';
import { fetchOverview, sendRequest } from './start-calls.ts';
import { WayView } from './way-view.tsx';

export function StartPage(): VNode {
  const [overview, setOverview] = useState<StartOverview>();
  const [way, setWay] = useState<RequestWay>();
  const [fault, setFault] = useState<string>();
  const tell = (thrown: unknown): void => {
    setFault(thrown instanceof Error ? thrown.message : String(thrown));
  };
  useEffect(() => {
    fetchOverview().then(setOverview, tell);
  }, []);
  const send = (asked: SendRequest): void => {
    sendRequest(asked).then((answer) => {
      setFault(undefined);
      setWay(answer);
    }, tell);
  };
  return (
    <PageFrame
      title="svidecar"
      tagline={overview === undefined ? 'at work on this machine' : taglineOf(overview)}
      actions={
        <a class="button" href="/workbench">
          Workbench: your own manifests
        </a>
      }
    >
      {fault !== undefined && (
        <Notice tone="bad" isAlert>
          {fault}
        </Notice>
      )}
      {overview !== undefined && (
        <div class="start-columns">
          <div>
            {overview.dataPaths.map((path) => (
              <Buttons key={path.dataPath} path={path} overview={overview} send={send} />
            ))}
          </div>
          <div aria-live="polite">
            {way === undefined ? (
              <FirstWords />
            ) : (
              <WayView way={way} title={titleOf(way, overview)} />
            )}
          </div>
        </div>
      )}
    </PageFrame>
  );
}

function taglineOf({ version, envoy, caller, callee }: StartOverview): string {
  const pair = caller === '' ? '' : `: ${caller} calls ${callee}`;
  return `${version} at work on this machine${pair} (${envoy})`;
}

function titleOf({ scene }: RequestWay, { scenes }: StartOverview): string {
  return scenes.find((each) => each.scene === scene)?.title ?? scene;
}

function FirstWords(): VNode {
  return (
    <section class="card">
      <h2>The way of a request</h2>
      <p>
        Press a button: the request is really sent, and shown here with each place that it came to —
        Envoy, its auth helper, the other Envoy, the app — and who refused it, why.
      </p>
    </section>
  );
}

interface ButtonsProps {
  readonly path: StartDataPath;
  readonly overview: StartOverview;
  readonly send: (asked: SendRequest) => void;
}

function Buttons({ path, overview, send }: ButtonsProps): VNode {
  const { dataPath, title, about, missing } = path;
  return (
    <section class="card" aria-labelledby={`path-${dataPath}`}>
      <h2 id={`path-${dataPath}`}>Data path {title}</h2>
      <p class="muted">{about}</p>
      {missing !== undefined && <Notice tone="info">{missing}</Notice>}
      <div class="scene-buttons">
        {overview.scenes.map(({ scene, title: words }) => (
          <button
            key={scene}
            type="button"
            disabled={missing !== undefined}
            data-scene={`${dataPath} ${scene}`}
            onClick={() => {
              send({ dataPath, scene });
            }}
          >
            {words}
          </button>
        ))}
      </div>
    </section>
  );
}
