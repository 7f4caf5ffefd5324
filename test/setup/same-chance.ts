/**
 * For mutation tests: what chance draws is the same in each run.
 */
import { configureGlobal } from 'fast-check';

configureGlobal({ seed: 1 });
