/** The version of the helper; a test keeps it equal to package.json's. */
export const helperVersion = '0.2.0';
