import { type Facts, type Probe, type ProbeOutput, UnknownFact } from '../resources/types.js';

/** What one host answered, parsed when somebody asks. */
export class HostFacts implements Facts {
  readonly #parsed = new Map<string, unknown>();

  /**
   * @param why said of every fact that has no answer
   * @param earlier what the host showed before, and which still holds
   */
  constructor(
    readonly answers: ReadonlyMap<string, ProbeOutput>,
    readonly why: string,
    readonly earlier: Facts | null = null,
  ) {}

  /** These facts, and where they say nothing those from before. */
  over(earlier: Facts): HostFacts {
    return new HostFacts(this.answers, this.why, earlier);
  }

  need<F>(probe: Probe<F>): F {
    // One key always stands for one probe, hence for one type.
    if (this.#parsed.has(probe.key)) return this.#parsed.get(probe.key) as F;
    const output = this.answers.get(probe.key);
    if (output === undefined) {
      if (this.earlier !== null) return this.earlier.need(probe);
      throw new UnknownFact(probe.key, this.why);
    }
    const result = probe.parse(output);
    if (!result.ok) throw new UnknownFact(probe.key, result.error);
    this.#parsed.set(probe.key, result.value);
    return result.value;
  }
}

/** null: not known. */
export function know<F>(facts: Facts, probe: Probe<F>): F | null {
  try {
    return facts.need(probe);
  } catch (error) {
    if (error instanceof UnknownFact) return null;
    throw error;
  }
}
