/** The workbench: a page with the engine in it. */
import { PageFrame, showPage } from '../shared/page-frame.tsx';

showPage(
  <PageFrame title="svidecar workbench" tagline="Nothing you type leaves this page.">
    <p>Paste a manifest.</p>
  </PageFrame>,
);
