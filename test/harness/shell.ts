/**
 * Runs a line as a person would type it, to its end.
 */
import type { Stage } from './stage.ts';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function shell(stage: Stage, line: string, cwd?: string): Promise<Ran> {
  const program = stage.start('shell', 'sh', ['-c', line], cwd === undefined ? {} : { cwd });
  const { code } = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}
