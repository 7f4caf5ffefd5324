/**
 * What commands that act on mail take to choose it: what orders tell mail apart by.
 */
export const CHOICE_FLAGS = [
  { flag: '--tenant <name>', does: 'mail of a tenant' },
  { flag: '--pool <namespace/name>', does: 'mail that leaves by a pool' },
  { flag: '--domain <name>', does: 'mail to a domain' },
  { flag: '--site <name>', does: 'mail to a site, as `queue` names it' },
  { flag: '--all', does: 'all mail, where nothing else is named' },
  { flag: '--dry-run', does: 'count, and change nothing' },
] as const;
