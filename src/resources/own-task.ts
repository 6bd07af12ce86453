import { ownCommandResource } from './own-command.js';
import { ownFileResource } from './own-file.js';
import { ownPackageResource } from './own-package.js';
import { ownServiceResource } from './own-service.js';
import { ownSysctlResource } from './own-sysctl.js';
import type { Resource, Watch } from './types.js';

export interface OwnPackage {
  readonly type: 'package';
  readonly name: string;
}

export interface OwnService {
  readonly type: 'service';
  /** Without `.service`; other kinds of units with their ending. */
  readonly name: string;
  readonly enabled: boolean;
  readonly running: boolean;
}

/** A text is compared and shown line by line; anything else by its hash. */
export type FileBody =
  | { readonly kind: 'text'; readonly text: string; readonly secret: boolean }
  | { readonly kind: 'bytes'; readonly base64: string; readonly sha256: string; readonly size: number };

export interface OwnFile {
  readonly type: 'file';
  /** On the host; absolute. */
  readonly path: string;
  readonly body: FileBody;
  /** Octal, four digits. */
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
}

export interface OwnSysctl {
  readonly type: 'sysctl';
  readonly key: string;
  readonly value: string;
}

/** Exactly one of `creates` and `unless` is set. */
export interface OwnCommand {
  readonly type: 'command';
  /** The task's name as one word. */
  readonly name: string;
  /** Lines for `sh -e`. */
  readonly run: string;
  readonly creates: string | null;
  readonly unless: string | null;
  /** Seconds. */
  readonly timeout: number;
}

/** What a task of an operator's own asks for: plain data, checked by the playbook's parser. */
export type OwnTask = OwnPackage | OwnService | OwnFile | OwnSysctl | OwnCommand;

export interface OwnTaskContext {
  /** The task's name, for people. */
  readonly title: string;
  readonly watches: readonly Watch[];
}

/** `file:/etc/motd`: what a task is called in plans, recaps and events. */
export function ownTaskId(task: OwnTask): string {
  switch (task.type) {
    case 'file':
      return `file:${task.path}`;
    case 'sysctl':
      return `sysctl:${task.key}`;
    case 'package':
    case 'service':
    case 'command':
      return `${task.type}:${task.name}`;
  }
}

export function ownTaskResource(task: OwnTask, { title, watches }: OwnTaskContext): Resource {
  const about = { id: ownTaskId(task), title };
  switch (task.type) {
    case 'package':
      return ownPackageResource(task, about);
    case 'service':
      return ownServiceResource(task, about, watches);
    case 'file':
      return ownFileResource(task, about);
    case 'sysctl':
      return ownSysctlResource(task, about);
    case 'command':
      return ownCommandResource(task, about);
  }
}

/** How an operator's own resource is called: in data, and for people. */
export interface About {
  readonly id: string;
  readonly title: string;
}
