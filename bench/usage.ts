/**
 * What a process and all it started have used, from /proc.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  /** Seconds of CPU, of children that have ended too. */
  readonly cpu: number;
  /** Bytes: the most memory each process has held, added up. Pages that processes share count in each. */
  readonly peakMemory: number;
}

interface Process {
  readonly parent: number;
  readonly ticks: number;
  readonly peakMemory: number;
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export function usageOf(root: number): Usage {
  const processes = new Map(
    readdirSync('/proc')
      .filter((it) => /^\d+$/.test(it))
      .flatMap((it): [number, Process][] => {
        const process = readProcess(it);
        return process ? [[Number(it), process]] : [];
      }),
  );
  const family = [...processes].filter(([pid]) => isBelow(pid, root, processes)).map(([, it]) => it);
  return {
    cpu: family.reduce((sum, it) => sum + it.ticks, 0) / TICKS_PER_SECOND,
    peakMemory: family.reduce((sum, it) => sum + it.peakMemory, 0),
  };
}

function isBelow(pid: number, root: number, processes: ReadonlyMap<number, Process>): boolean {
  for (let at: number | undefined = pid; at !== undefined; at = processes.get(at)?.parent) if (at === root) return true;
  return false;
}

/** proc(5): after the name in parentheses, fields count from the third: parent is 4th, times are 14th to 17th. */
function readProcess(pid: string): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [, peak = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    const ticks = fields.slice(11, 15).reduce((sum, it) => sum + Number(it), 0);
    return { parent: Number(fields[1]), ticks, peakMemory: Number(peak) * 1024 };
  } catch {
    // It ended while we read.
    return undefined;
  }
}
