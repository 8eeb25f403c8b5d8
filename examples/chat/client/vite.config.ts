import { defineConfig } from "vite";

export default defineConfig({
  build: { outDir: "../dist/client", emptyOutDir: true },
  // One copy of the AI SDK, also where `@ai-sdk/react` asks for another patch release.
  resolve: { dedupe: ["ai"] },
  // `npx vite client` serves the page and shows each change at once; the server of `npm start` answers the rest.
  server: { proxy: { "/api": "http://127.0.0.1:3000" } },
});
