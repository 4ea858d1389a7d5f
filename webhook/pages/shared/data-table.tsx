/** A table; where the page is narrow, each row is a list of its cells, and what is wider still scrolls by itself. */
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
      {/* The roles are those of the elements: browsers forget them where the style makes lists of rows. */}
      <table role="table">
        <caption>{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ name }) => (
              <th key={name} scope="col" role="columnheader">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row, index) => (
            <tr key={index} role="row">
              {cells(row, columns)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function cells<Row>(row: Row, columns: readonly Column<Row>[]): readonly VNode[] {
  return columns.map(({ name, cell }, index) =>
    index === 0 ? (
      <th key={name} scope="row" role="rowheader">
        {cell(row)}
      </th>
    ) : (
      <td key={name} role="cell" data-name={name}>
        {cell(row)}
      </td>
    ),
  );
}
