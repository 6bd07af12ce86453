/** Inclusive. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

const range = (min: number, max: number): Range => ({ min, max });

/** What keepalived.conf(5), HAProxy's manual and TCP allow; times in seconds. */
export const RANGE = {
  port: range(1, 65_535),
  virtualRouterId: range(1, 255),
  /** 255 would make keepalived the address owner, which ignores every check. */
  priority: range(1, 254),
  preemptDelay: range(0, 1000),
  /** keepalived starts a check script at most once a second. */
  checkSeconds: range(1, 3600),
  checkCount: range(1, 255),
  checkWeight: range(-253, 0),
  connectTimeout: range(1, 3600),
  httpStatus: range(100, 599),
} as const;

/** The version 3 packet holds the interval in 12 bits of hundredths of a second; version 2 in 8 bits of seconds. */
export const ADVERT_INT = { v3Step: 0.01, v3Max: 40.95, v2Max: 255 } as const;

export const MAX_FILE_BYTES = 1024 * 1024;
/** The format itself needs 8 levels. */
export const MAX_DEPTH = 50;
/** Nodes that aliases may add to a document, all together. */
export const MAX_ALIASED_NODES = 10_000;

export const DEFAULT = {
  virtualRouterId: 51,
  firstPriority: 250,
  priorityStep: 10,
} as const;
