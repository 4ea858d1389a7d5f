/** The console: what svidecar did in a cluster, seen in a browser. All that changes comes from `svidecar console`. */
import { showPage } from '../shared/page-frame.tsx';
// After the common style, which it changes.
import './console.css';
import { ConsoleApp } from './console-app.tsx';

showPage(<ConsoleApp />);
