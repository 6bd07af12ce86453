export type Environment = Readonly<Record<string, string | undefined>>;

export interface Substitution {
  readonly text: string;
  /** Something was put in. */
  readonly substituted: boolean;
  /** Names that are not set and have no default, and `${…}` that is neither form. */
  readonly missing: readonly string[];
  readonly malformed: readonly string[];
}

const REFERENCE = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?/g;

/**
 * `${NAME}`, `${NAME:-default}` (for a name that is not set or empty, as in a shell) and `$$`. What is put in
 * is not looked at again.
 */
export function substitute(text: string, env: Environment): Substitution {
  const missing: string[] = [];
  const malformed: string[] = [];
  let substituted = false;
  const result = text.replace(REFERENCE, (all: string, name?: string, fallback?: string) => {
    if (all === '$$') return '$';
    if (name === undefined) {
      malformed.push(all);
      return all;
    }
    substituted = true;
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) missing.push(name);
    return value ?? '';
  });
  return { text: result, substituted, missing, malformed };
}
