import { type Command, joinCommands, raw, sh } from '../../base/shell.js';

/** The units that several probes ask about: one call of systemctl (10 ms and more) tells of all of them. */
const UNITS = ['haproxy', 'keepalived', 'firewalld'];

const PROPERTIES =
  'Id,LoadState,ActiveState,UnitFileState,MainPID,NeedDaemonReload,StateChangeTimestampMonotonic,Environment,ExecReload';

/**
 * Asks of units before the probes that have `asksUnit`, in the shell that theirs come from. What it cannot tell, they ask
 * themselves. An empty line stands between two units.
 */
export function askUnits(of: ReadonlySet<string>): Command {
  const units = UNITS.filter((unit) => of.has(unit));
  const none = UNITS.map((unit) => raw(`asked_${unit}=`));
  if (units.length === 0) return joinCommands(none);
  return joinCommands([
    ...none,
    sh`if asked_units=$(systemctl show ${units} -p ${PROPERTIES} 2>/dev/null); then
  asked_line='
'
  while [ -n "$asked_units" ]; do
    asked_unit=$asked_line\${asked_units%%"$asked_line$asked_line"*}$asked_line
    case $asked_unit in`,
    ...units.map((unit) =>
      raw(`      *"\${asked_line}Id=${unit}.service$asked_line"*) asked_${unit}=$asked_unit ;;`),
    ),
    raw(`    esac
    case $asked_units in
      *"$asked_line$asked_line"*) asked_units=\${asked_units#*"$asked_line$asked_line"} ;;
      *) asked_units= ;;
    esac
  done
fi`),
  ]);
}

/** Sets `unit` to what systemd says of a unit, a property a line; fails where it cannot be asked. */
export function unitProperties(service: string): Command {
  const ask = sh`unit=$(systemctl show ${service} -p ${PROPERTIES})`;
  return UNITS.includes(service)
    ? sh`unit=\${asked_${raw(service)}:-}
[ -n "$unit" ] || ${ask}`
    : ask;
}
