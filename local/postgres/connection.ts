import postgres from 'postgres';

/** Runs `work` on one connection, which is closed afterwards. @param url a connection URL */
export async function withConnection<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}
