/** The page of `npm start`: buttons that send the documented requests, and the way of each. */
import './start.css';
import { showPage } from '../shared/page-frame.tsx';
import { StartPage } from './start-page.tsx';

showPage(<StartPage />);
