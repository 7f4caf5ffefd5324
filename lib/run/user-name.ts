/**
 * Who runs this process, for people.
 */
import { userInfo } from 'node:os';

/** The system knows no name in a container that runs under any number, as OpenShift gives one: then it is the number. */
export function userName(lookUp: () => { readonly username: string } = userInfo): string {
  try {
    return lookUp().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
