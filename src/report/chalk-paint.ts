import { Chalk } from 'chalk';
import { type Paint, plainPaint } from './paint.js';

/** Colours because the caller says so; chalk's own guess about the terminal is not asked. */
export function chalkPaint(options: { readonly color: boolean }): Paint {
  return options.color ? new Chalk({ level: 1 }) : plainPaint;
}
