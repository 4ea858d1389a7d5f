/** The workbench: in a page, the page; in the worker that the page makes of this same script, the engine. */
import { showPage } from '../shared/page-frame.tsx';
import { answerInWorker } from './engine-client.ts';
import { WorkbenchPage } from './workbench-page.tsx';

if ('document' in globalThis) showPage(<WorkbenchPage />);
else answerInWorker();
