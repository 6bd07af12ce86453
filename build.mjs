// Bundles src/main.ts into dist/: one script, in which each module runs when it is first imported: `lbctl validate` never runs
// ssh2, `lbctl status --json` never runs listr2. Beside it V8's code cache of it, without which a short run takes a
// fifth longer, to parse and compile. `node build.mjs FOLDER` puts all that there instead.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const outdir = resolve(process.argv[2] ?? 'dist');
// ssh2's agents for HTTP over SSH: node's http, https and tls with them take a tenth of the time in which lbctl starts.
const withoutHttp = {
  name: 'without-http',
  setup(bundler) {
    bundler.onLoad({ filter: /ssh2.lib.http-agents\.js$/ }, () => ({ contents: '' }));
  },
};
const { version } = JSON.parse(await readFile('package.json', 'utf8'));
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts'],
  outfile: join(outdir, 'lbctl.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // Names stay, for stack traces; without the white space node needs 5 MB less.
  minifySyntax: true,
  minifyWhitespace: true,
  // Node prints the whole line of what it did not expect.
  lineLimit: 160,
  legalComments: 'none',
  // ssh2's native add-ons are optional accelerators that need a compiler; without them it uses node:crypto.
  external: ['cpu-features', './crypto/build/Release/sshcrypto.node', '*.node'],
  banner: {
    js: "(function(require,__filename,__dirname){'use strict';const module={},__url=require('node:url').pathToFileURL(__filename).href;",
  },
  footer: { js: '})' },
  plugins: [withoutHttp],
  define: { LBCTL_VERSION: JSON.stringify(version), 'import.meta.url': '__url' },
  logLevel: 'warning',
});

// A single other character would make V8 keep the whole script in two bytes a character.
const text = await readFile(join(outdir, 'lbctl.cjs'), 'utf8');
const odd = text.match(/.{0,60}[^\0-\x7f].{0,60}/);
if (odd !== null) throw new Error(`write it as an escape: ${odd[0]}`);
// Of a cache V8 looks at its own version and the script's length alone: so the names say which script, node and machine it is for.
const name = `lbctl-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
await rename(join(outdir, 'lbctl.cjs'), join(outdir, `${name}.cjs`));

const LOAD = `const { readFileSync } = require('node:fs');
const { dirname } = require('node:path');
const { Script } = require('node:vm');
const cacheOf = (file) => file.replace(/cjs$/, process.version + '-' + process.arch + '.cache');
function load(file, cachedData) {
  const script = new Script(readFileSync(file, 'latin1'), { filename: file, cachedData });
  return { script, run: () => script.runInThisContext()(require, file, dirname(file)) };
}
`;

const MAIN = `#!/usr/bin/env node
'use strict';
${LOAD}
const file = __dirname + '/${name}.cjs';
let cache;
try {
  cache = readFileSync(cacheOf(file));
} catch {}
load(file, cache).run();
`;

/** Runs a command as far as it goes without a host, so that what it compiles on the way is in the cache. */
const WARM = `${LOAD}
const [file, inventory] = process.argv.slice(1);
process.argv = [process.execPath, file, 'up', '--playbook', 'playbooks/up.yaml', inventory];
const { script, run } = load(file);
process.on('exit', () => require('node:fs').writeFileSync(cacheOf(file), script.createCachedData()));
run();
`;

/** Nobody listens on these ports of loopback. */
const NOWHERE = `clusters:
  web:
    hosts:
      lb1: { address: 192.0.2.11, ssh: { hostname: 127.0.0.1, port: 1 } }
      lb2: { address: 192.0.2.12, ssh: { hostname: 127.0.0.1, port: 2 } }
    vrrp_instances: { VI_1: { virtual_router_id: 51, virtual_ipaddress: [192.0.2.10/24] } }
    haproxy:
      frontends: { main: { bind: [80], default_backend: app } }
      backends: { app: { servers: { web1: "192.0.2.31:80" } } }
`;

async function makeCache() {
  const folder = await mkdtemp(join(tmpdir(), 'lbctl-build-'));
  try {
    const inventory = join(folder, 'inventory.yaml');
    await writeFile(inventory, NOWHERE);
    const { status, stderr } = spawnSync(
      process.execPath,
      ['-e', WARM, join(outdir, `${name}.cjs`), inventory],
      { env: { PATH: process.env.PATH, HOME: folder }, encoding: 'utf8', timeout: 30_000 },
    );
    // The exit code of hosts out of reach.
    if (status !== 4) process.stderr.write(`no code cache, lbctl will start slowly: ${stderr}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await writeFile(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');
await makeCache();
await writeFile(join(outdir, 'main.js'), MAIN);
await chmod(join(outdir, 'main.js'), 0o755);
