/** Imports a file by its URL at run time, also in a bundle. */
export declare function importFile(url: string): Promise<unknown>;
