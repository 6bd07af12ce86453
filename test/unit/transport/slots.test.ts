import { expect, it } from 'vitest';
import { Slots } from '../../../src/transport/slots.js';

it('never more at once than allowed, in the order of asking, and fewer after a refusal', async () => {
  const slots = new Slots(2);
  const order: number[] = [];
  const take = (name: number) => slots.take().then(() => order.push(name));
  await take(1);
  await take(2);
  const third = take(3);
  const fourth = take(4);
  await new Promise((resolve) => setImmediate(resolve));
  expect([order, slots.used]).toEqual([[1, 2], 2]);
  slots.release();
  await third;
  expect([order, slots.used]).toEqual([[1, 2, 3], 2]);
  slots.lower(1);
  slots.release();
  await new Promise((resolve) => setImmediate(resolve));
  expect([order, slots.used]).toEqual([[1, 2, 3], 1]);
  slots.release();
  await fourth;
  slots.release();
  expect([order, slots.used]).toEqual([[1, 2, 3, 4], 0]);
});
