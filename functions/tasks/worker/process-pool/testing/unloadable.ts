import process from 'node:process';

/* A module that cannot be loaded. */

throw new Error('half a module', { cause: new Error(`in process ${process.pid}`) });
