import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

// The built page is part of the Python package: it is committed, so that people who use it need no node.

const SOURCES = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src"];

function files(path: string): string[] {
  if (!existsSync(path)) return [];
  const entries = readdirSync(path, { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? files(join(path, entry.name)) : [join(path, entry.name)]));
}

/** One hash over all sources, by name; tests/serve/test_page.py computes the same and compares. */
function digest(): string {
  const all = SOURCES.flatMap((path) => (path.includes(".") ? [path] : files(path))).sort();
  const hash = createHash("sha256");
  for (const path of all) hash.update(`${path}\n${createHash("sha256").update(readFileSync(path)).digest("hex")}\n`);
  return hash.digest("hex");
}

interface Locked {
  packages: Record<string, { version?: string; license?: string; dev?: boolean }>;
}

/** The licences of everything that may be in the bundle: all that is not for development alone. */
function licences(): string {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as Locked;
  const parts = Object.entries(packages)
    .filter(([path, one]) => path && !one.dev && !path.includes("/@types/"))
    .map(([path, one]) => {
      const read = (pattern: RegExp): string[] =>
        readdirSync(path).filter((name) => pattern.test(name)).map((name) => readFileSync(join(path, name), "utf8").trim());
      // some write it at the end of what one reads first
      const text = read(/^licen[cs]e/i).join("\n\n") || /## Licen[cs]e[\s\S]*/i.exec(read(/^readme/i)[0] ?? "")?.[0];
      return `${path.replace(/^.*node_modules\//, "")} ${one.version} (${one.license})\n\n${text || "The package carries no text of its licence."}\n`;
    });
  return ["The page of geoglot is built from these packages.\n", ...parts].join(`\n${"-".repeat(78)}\n\n`);
}

const beside: Plugin = {
  name: "beside",
  generateBundle() {
    this.emitFile({ type: "asset", fileName: "static/licences.txt", source: licences() });
    this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${digest()}\n` });
  },
};

export default defineConfig({
  base: "./",
  plugins: [beside],
  build: {
    outDir: "../src/geoglot/serve/page",
    emptyOutDir: true,
    assetsDir: "static",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 2000,
    rollupOptions: {
      output: {
        // apart from our own code, which changes more often
        manualChunks: (id: string) => (id.includes("node_modules/") && id.includes("maplibre") ? "maplibre-gl" : undefined),
        entryFileNames: "static/[name]-[hash].js",
        chunkFileNames: "static/[name]-[hash].js",
        // `.mjs` has no media type on some servers
        assetFileNames: (asset) => `static/[name]-[hash]${asset.names[0]?.endsWith(".mjs") ? ".js" : "[extname]"}`,
      },
    },
  },
  server: { proxy: { "/api": process.env.GEOGLOT_SERVER ?? "http://127.0.0.1:8000" } },
});
