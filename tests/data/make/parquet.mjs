// Writes ../preferences/binarized.parquet out of binarized.jsonl by DuckDB, a writer that has nothing to do with the
// product's reader: prompt, chosen and rejected as lists of structs, in row groups of 64 rows, and a column more.
// Needs Node.js and the package @duckdb/node-api (npm install --no-save @duckdb/node-api).
import { DuckDBInstance } from '@duckdb/node-api';

const folder = new URL('../preferences/', import.meta.url).pathname;
const connection = await (await DuckDBInstance.create(':memory:', { threads: '1', preserve_insertion_order: 'true' })).connect();
await connection.run(`COPY (
    SELECT prompt, chosen, rejected, MAP {'length': len(prompt)} AS extra
    FROM read_json('${folder}binarized.jsonl', format = 'newline_delimited',
      columns = {prompt: 'STRUCT(role VARCHAR, content VARCHAR)[]', chosen: 'STRUCT(role VARCHAR, content VARCHAR)[]', rejected: 'STRUCT(role VARCHAR, content VARCHAR)[]'})
  ) TO '${folder}binarized.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 64)`);
