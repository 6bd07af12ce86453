/** The reader of a pipe, or the terminal, has gone. */
const GONE = new Set(['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

/**
 * Keeps the process alive when nobody reads its output any more (`lbctl … | head`, a closed terminal): a run that
 * changes hosts must end in order and release its locks. Any other error of the streams is thrown as before.
 */
export function guardStreams(streams: Iterable<NodeJS.WritableStream>): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!GONE.has(error.code ?? '')) throw error;
    });
  }
}
