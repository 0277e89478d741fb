import { PermanentError } from '../../define-task.ts';

/** An import can wait long and run for minutes, so the right to write is looked up when it is used. */
export const importForbidden = () =>
  new PermanentError(
    'import_forbidden',
    'The user who asked for this import may no longer create tasks in its organization',
  );

export const uploadReplaced = () =>
  new PermanentError('upload_replaced', 'The upload was replaced after its import had been asked for');
