/** A table that scrolls by itself where the page is narrow. */
import type { ComponentChildren, VNode } from 'preact';

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ComponentChildren;
}

interface DataTableProps<Row> {
  readonly caption: string;
  /** The first one heads its row. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
}

export function DataTable<Row>({ caption, columns, rows }: DataTableProps<Row>): VNode {
  return (
    <div class="table-frame" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>{cells(row, columns)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function cells<Row>(row: Row, columns: readonly Column<Row>[]): readonly VNode[] {
  return columns.map(({ name, cell }, index) =>
    index === 0 ? (
      <th key={name} scope="row">
        {cell(row)}
      </th>
    ) : (
      <td key={name}>{cell(row)}</td>
    ),
  );
}
