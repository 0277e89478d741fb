import { inject } from 'vitest';
import { trust } from '../emulator.ts';

/* Vitest's set-up for each test file: trusts the emulator's self-signed certificate. */
trust(inject('system').authority);
