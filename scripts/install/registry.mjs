// A registry on the loopback that knows the packed packages alone, so that `npm install @sessiondb/…` finds them.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename } from "node:path";

export async function startRegistry(tarballs) {
  const packages = new Map();
  const server = createServer(({ url }, response) => {
    const found = packages.get(decodeURIComponent(url.slice(1)));
    response.writeHead(found === undefined ? 404 : 200);
    response.end(found);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  for (const file of tarballs) {
    const tarball = readFileSync(file);
    const manifest = JSON.parse(execFileSync("tar", ["-xzOf", file, "package/package.json"], { encoding: "utf8" }));
    const { name, version } = manifest;
    const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    const dist = { tarball: url + basename(file), integrity };
    const versions = { [version]: { ...manifest, dist } };
    packages.set(name, JSON.stringify({ name, "dist-tags": { latest: version }, versions }));
    packages.set(basename(file), tarball);
  }
  return { url, close: () => server.close() };
}
