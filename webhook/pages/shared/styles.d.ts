/** Style sheets that a page imports: esbuild puts them into the page's one style element. */
declare module '*.css';
