import { type Command, joinCommands, raw, sh } from '../../base/shell.js';

/** The units that several probes ask about: one call of systemctl (10 ms and more) tells of all of them. */
const UNITS = ['haproxy', 'keepalived', 'firewalld'];

const PROPERTIES =
  'Id,LoadState,ActiveState,UnitFileState,MainPID,NeedDaemonReload,StateChangeTimestampMonotonic,Environment,ExecReload';

/** Prints what systemd says of those units, an empty line between two. */
export function unitsQuestion(of: ReadonlySet<string>): Command {
  return sh`systemctl show ${ours(of)} -p ${PROPERTIES} 2>/dev/null`;
}

/**
 * Tells it to the probes that have `asksUnit`, in the shell that theirs come from; what it cannot tell, they ask themselves.
 * `answer` sets `asked_units` to what `unitsQuestion` prints, or fails.
 */
export function tellUnits(of: ReadonlySet<string>, answer: Command): Command {
  const units = ours(of);
  return units.length === 0 ? NOTHING_ASKED : told(units, answer);
}

function ours(of: ReadonlySet<string>): string[] {
  return UNITS.filter((unit) => of.has(unit));
}

const NOTHING_ASKED = joinCommands(UNITS.map((unit) => raw(`asked_${unit}=`)));

function told(units: readonly string[], answer: Command): Command {
  return joinCommands([
    NOTHING_ASKED,
    sh`if ${answer}; then
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
