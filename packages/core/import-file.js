// Not TypeScript: it would wrap the argument into a call, and Turbopack reads these comments only right before it.
export function importFile(url) {
  return import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ url);
}
