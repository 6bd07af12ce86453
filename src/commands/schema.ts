import * as z from 'zod';
import { EXIT, type ExitCode } from '../base/exit-codes.js';
import { inventorySchema } from '../inventory/schema.js';
import type { Io } from './options.js';

/** `lbctl schema`: the JSON Schema of what an inventory may hold. */
export async function schema(io: Io): Promise<ExitCode> {
  io.stdout.write(`${JSON.stringify(z.toJSONSchema(inventorySchema, { io: 'input' }), null, 2)}\n`);
  return EXIT.ok;
}
