/** What a connection has by these parameters: whether it is encrypted, and whether certificate and host are verified. */
export interface TlsMode {
  /** Of the query; without the file of the authority, which a test adds. */
  readonly parameters: string;
  readonly encrypted: boolean;
  readonly certificate: boolean;
  readonly host: boolean;
}

/** Makes a mode of its parameters and the number of properties that it has, of those in their order above. */
export function tlsMode(parameters: string, depth: 0 | 1 | 2 | 3): TlsMode {
  return { parameters, encrypted: depth > 0, certificate: depth > 1, host: depth > 2 };
}
