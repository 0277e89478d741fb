/** A person, as that person and colleagues may see it. */
export type User = { id: string; email: string; username: string; name: string; createdAt: Date };
