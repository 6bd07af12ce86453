import { type Family, FLIP_MARK, GENERATED, takeoverScriptPath } from './platform.js';

/**
 * systemd's default gives up after 5 starts in 10 s; RestartSec=0 because its timers coalesce (100 ms became
 * up to 420 ms). LimitNOFILE: HAProxy derives its maxconn from it, and a configured `maxconn` above half of it
 * passes `haproxy -c` and then refuses to start.
 */
const RESTART = ['Restart=always', 'RestartSec=0'];
const FILE_LIMIT = 65536;

/**
 * The hand-over script is called around every start and stop (a leading - : whatever becomes of it, the service itself
 * goes on). systemd sets MAINPID in ExecStop= only where the process still lives, and SERVICE_RESULT says how it ended.
 */
function hooks(service: string, family: Family, skipsCheck: boolean): string[] {
  const script = takeoverScriptPath(family);
  return [
    ...(skipsCheck ? [...SKIP_CHECK] : []),
    `ExecStartPre=-${script} ${service} start-pre`,
    `ExecStartPost=-${script} ${service} start-post`,
    `ExecStop=-${script} ${service} stop`,
    `ExecStopPost=-${script} ${service} stop-post`,
  ];
}

/** `haproxy -c` takes as long as the start itself (75 ms on a small machine), which refuses the same files. */
const SKIP_CHECK = [
  "# Without the package's check before each start: the start itself checks, and after a crash clients wait for it.",
  'ExecStartPre=',
];

/** @param skipsCheck whether nothing but a check of the file comes before a start: then that is left out */
export function renderDropIn(
  service: 'haproxy' | 'keepalived',
  family: Family,
  { skipsCheck = false }: { readonly skipsCheck?: boolean } = {},
): string {
  const limits = service === 'haproxy' ? [`LimitNOFILE=${FILE_LIMIT}`] : [];
  const lines = [...RESTART, ...limits, ...hooks(service, family, skipsCheck)];
  const waits = service === 'keepalived' ? [`ConditionPathExists=!${FLIP_MARK}`] : [];
  return `${GENERATED}
[Unit]
${['StartLimitIntervalSec=0', ...waits].join('\n')}

[Service]
${lines.join('\n')}
`;
}

export interface SysctlSetting {
  readonly key: string;
  readonly value: string;
}

/** So that HAProxy can bind the virtual addresses on the host that does not hold them. */
export function sysctlSettings(options: { readonly ipv6: boolean }): SysctlSetting[] {
  const settings = [{ key: 'net.ipv4.ip_nonlocal_bind', value: '1' }];
  return options.ipv6 ? [...settings, { key: 'net.ipv6.ip_nonlocal_bind', value: '1' }] : settings;
}

export function renderSysctl(settings: readonly SysctlSetting[]): string {
  return `${GENERATED}\n${settings.map(({ key, value }) => `${key} = ${value}\n`).join('')}`;
}
