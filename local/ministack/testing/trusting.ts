import { inject } from 'vitest';
import { trust } from '../emulator.ts';

/* Vitest's set-up of each test file: what it calls is the emulator, whose certificate nobody signed. */
trust(inject('system').authority);
