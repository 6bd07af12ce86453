// Bundles src/main.ts into dist/. Code splitting keeps each command's own modules out of the others'
// start-up: `lbctl validate` never loads ssh2, `lbctl status --json` never loads listr2.
// `node build.mjs FOLDER` puts the bundle there instead.
import { chmod, readFile, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const outdir = process.argv[2] ?? 'dist';
const { version } = JSON.parse(await readFile('package.json', 'utf8'));
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts'],
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Names stay, for stack traces; without the white space node needs 5 MB less.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  // ssh2's native add-ons are optional accelerators that need a compiler; without them it uses node:crypto.
  external: ['cpu-features', './crypto/build/Release/sshcrypto.node', '*.node'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';\nimport { fileURLToPath as __fileURLToPath } from 'node:url';\nconst require = __createRequire(import.meta.url);\nconst __dirname = __fileURLToPath(new URL('.', import.meta.url));",
  },
  define: { LBCTL_VERSION: JSON.stringify(version) },
  logLevel: 'warning',
});
await chmod(`${outdir}/main.js`, 0o755);
