/** A person, with the fields that the person and colleagues may see. */
export type User = { id: string; email: string; username: string; name: string; createdAt: Date };
