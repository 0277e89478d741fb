import * as z from 'zod';

/** An id in a request. Compared as text in places, so it takes the one spelling that the database answers with. */
export const Id = z.uuid().toLowerCase();
