import { afterAll, beforeAll, describe, it } from 'vitest';
import { PAIR } from '../e2e/support/hosts.js';
import { brokenBuild, killedBuild, type Site, setSite } from './support/bare-build.js';
import { full, repositoryDown } from './support/break.js';
import { eachInstant } from './support/scene.js';
import { INSTANTS } from './support/seed.js';
import { printTally } from './support/tally.js';

describe('a bare build', () => {
  let site: Site;

  beforeAll(async () => {
    site = await setSite();
  });
  afterAll(printTally);

  it('whose operator is gone: kill -9 at random instants', async () => {
    await eachInstant('bare', { count: INSTANTS, took: site.took }, (at) => killedBuild(site, at));
  });

  describe.each(PAIR)('%s', (host) => {
    it('whose package repository is down', () =>
      brokenBuild(site, host, 'package repository down', repositoryDown(host), /repomd|lab-base/));

    it.each(['/var/cache', '/etc/systemd/system', '/etc/sysctl.d'])('whose %s is full', (folder) =>
      brokenBuild(site, host, `disk full in ${folder}`, full(host, folder), /No space left/),
    );
  });
});
