/** The console: what svidecar did in a cluster, seen in a browser. All that changes comes from `svidecar console`. */
import './console.css';
import { showPage } from '../shared/page-frame.tsx';
import { ConsoleApp } from './console-app.tsx';

showPage(<ConsoleApp />);
