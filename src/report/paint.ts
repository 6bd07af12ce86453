type Brush = (text: string) => string;

/** The few colours that reports use. A chalk instance is one; so is `plainPaint`. */
export interface Paint {
  readonly red: Brush;
  readonly green: Brush;
  readonly yellow: Brush;
  readonly cyan: Brush;
  readonly dim: Brush;
  readonly bold: Brush;
}

const asIs: Brush = (text) => text;

export const plainPaint: Paint = { red: asIs, green: asIs, yellow: asIs, cyan: asIs, dim: asIs, bold: asIs };

/** chalk is loaded only where there is something to colour. */
export async function loadPaint(options: { readonly color: boolean }): Promise<Paint> {
  if (!options.color) return plainPaint;
  const { chalkPaint } = await import('./chalk-paint.js');
  return chalkPaint(options);
}
