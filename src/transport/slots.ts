/** How many channels are open at once on a connection: sshd's MaxSessions is 10, and a closing one still counts. */
export class Slots {
  #limit: number;
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#waiting.length;
  }

  async take(): Promise<void> {
    if (this.#used < this.#limit) this.#used++;
    // Else a slot is handed over: `used` stays as it is.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Only where one is free at once. */
  tryTake(): boolean {
    if (this.#used >= this.#limit) return false;
    this.#used++;
    return true;
  }

  release(): void {
    const next = this.#used <= this.#limit ? this.#waiting.shift() : undefined;
    if (next === undefined) this.#used--;
    else next();
  }

  /** The server took no more than these: never again more at once, but always one. */
  lower(limit: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, limit));
  }
}
