/** Now, in whole Unix seconds. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
