/** The page of `npm start`: buttons that send the documented requests, and the way of each. */
import { showPage } from '../shared/page-frame.tsx';
// After the common style, which it changes.
import './start.css';
import { StartPage } from './start-page.tsx';

showPage(<StartPage />);
