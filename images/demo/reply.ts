/** An answer before it is written. */
export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}
