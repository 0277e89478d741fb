import { defineTask } from '../../define-task.ts';
import dataProcess from './kind.ts';

export const MESSAGE = 'Data processed successfully';

/** `data.process` without data. It needs no parser and no process of its own. */
export default defineTask({ ...dataProcess, run: async () => ({ message: MESSAGE }) });
