-- a table read by the contract
SELECT
  NULLIF(CAST(`t0`.`account_id` AS STRING), '') AS `account_id`,
  LOWER(NULLIF(`t0`.`kind`, '')) AS `kind`,
  CAST(CAST(IF(
    REGEXP_CONTAINS(
      `t0`.`occurred_at`,
      '^([1-9]\\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))|([1-9]\\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29)([T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d([.]\\d{1,9})?)?(Z|[+-](0\\d|1[0-3])(:?[0-5]\\d)?|[+-]14(:?00)?)?)?$'
    ),
    IF(
      (
        LENGTH(`t0`.`occurred_at`) > 16
      )
      AND (
        SUBSTRING(
          `t0`.`occurred_at`,
          IF((
            16 + 1
          ) >= 1, 16 + 1, 16 + 1 + LENGTH(`t0`.`occurred_at`)),
          1
        ) <> ':'
      ),
      CONCAT(
        CONCAT(
          SUBSTRING(
            `t0`.`occurred_at`,
            IF((
              0 + 1
            ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t0`.`occurred_at`)),
            16
          ),
          ':00'
        ),
        SUBSTRING(
          `t0`.`occurred_at`,
          IF((
            16 + 1
          ) >= 1, 16 + 1, 16 + 1 + LENGTH(`t0`.`occurred_at`))
        )
      ),
      `t0`.`occurred_at`
    ),
    CAST(NULL AS STRING)
  ) AS TIMESTAMP) AS DATETIME) AS `occurred_at`,
  COALESCE(
    CAST(CAST(IF(
      REGEXP_CONTAINS(
        `t0`.`occurred_at`,
        '^([1-9]\\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))|([1-9]\\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29)([T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d([.]\\d{1,9})?)?(Z|[+-](0\\d|1[0-3])(:?[0-5]\\d)?|[+-]14(:?00)?)?)?$'
      ),
      IF(
        (
          LENGTH(`t0`.`occurred_at`) > 16
        )
        AND (
          SUBSTRING(
            `t0`.`occurred_at`,
            IF((
              16 + 1
            ) >= 1, 16 + 1, 16 + 1 + LENGTH(`t0`.`occurred_at`)),
            1
          ) <> ':'
        ),
        CONCAT(
          CONCAT(
            SUBSTRING(
              `t0`.`occurred_at`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t0`.`occurred_at`)),
              16
            ),
            ':00'
          ),
          SUBSTRING(
            `t0`.`occurred_at`,
            IF((
              16 + 1
            ) >= 1, 16 + 1, 16 + 1 + LENGTH(`t0`.`occurred_at`))
          )
        ),
        `t0`.`occurred_at`
      ),
      CAST(NULL AS STRING)
    ) AS TIMESTAMP) AS DATETIME)
  ) AS `known_at`
FROM `raw` AS `t0`;

-- contracts as known
SELECT
  `t6`.*
  EXCEPT (`revision`)
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t4`.`as_of`,
      `t4`.`contract_id`,
      `t4`.`account_id`,
      `t4`.`product`,
      `t4`.`start_date`,
      `t4`.`end_date`,
      `t4`.`arr`,
      `t4`.`seats`,
      `t4`.`auto_renew`,
      `t4`.`outcome`,
      `t4`.`decided_at`,
      `t4`.`reason`,
      `t4`.`known_at`,
      ROW_NUMBER() OVER (
        PARTITION BY `t4`.`as_of`, `t4`.`contract_id`
        ORDER BY `t4`.`known_at` DESC, `t4`.`start_date` DESC
      ) - 1 AS `revision`
    FROM (
      SELECT
        `t2`.`as_of`,
        `t3`.`contract_id`,
        `t3`.`account_id`,
        `t3`.`product`,
        `t3`.`start_date`,
        `t3`.`end_date`,
        `t3`.`arr`,
        `t3`.`seats`,
        `t3`.`auto_renew`,
        `t3`.`outcome`,
        `t3`.`decided_at`,
        `t3`.`reason`,
        `t3`.`known_at`
      FROM `constants_0` AS `t2`
      INNER JOIN `contracts` AS `t3`
        ON `t3`.`known_at` < CAST(`t2`.`as_of` AS DATETIME)
    ) AS `t4`
  ) AS `t5`
  WHERE
    `t5`.`revision` = 0
) AS `t6`;

-- distinct users in a window
SELECT
  `t15`.`account_id`,
  `t15`.`as_of`,
  SUM(CAST((
    `t15`.`word` & 2
  ) = 2 AS INT64)) AS `users_28d`
FROM (
  SELECT
    `t14`.`account_id`,
    `t14`.`user_id`,
    `t14`.`as_of`,
    (
      `t14`.`mask` >> `t14`.`shift`
    ) & 31 AS `word`
  FROM (
    SELECT
      `t13`.`account_id`,
      `t13`.`user_id`,
      `t13`.`mask`,
      `t3`.`as_of`,
      `t3`.`shift`
    FROM (
      SELECT
        `t11`.`account_id`,
        `t11`.`user_id`,
        `t11`.`mask` & 2 AS `mask`
      FROM (
        SELECT
          `t10`.`account_id`,
          `t10`.`user_id`,
          BIT_OR(`t10`.`mask`) AS `mask`
        FROM (
          SELECT
            *
          FROM (
            SELECT
              `t8`.*
              EXCEPT (`known_day`, `looks_until`, `segment`, `window_day`)
            FROM (
              SELECT
                `t7`.`account_id`,
                `t7`.`user_id`,
                `t7`.`feature`,
                `t7`.`occurred_at`,
                `t7`.`quantity`,
                `t7`.`duration_s`,
                `t7`.`active_users`,
                `t7`.`known_at`,
                `t7`.`day`,
                `t7`.`known_day`,
                `t7`.`window_day`,
                `t7`.`day_mask`,
                `t7`.`segment`,
                `t7`.`day_bit`,
                `t7`.`looks_until`,
                (
                  `t7`.`segment` * 100
                ) + IF(
                  IF(
                    `t7`.`known_day` > `t7`.`day`,
                    CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                    0
                  ) > `t7`.`looks_until`,
                  IF(
                    `t7`.`known_day` > `t7`.`day`,
                    CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                    0
                  ),
                  0
                ) AS `piece`,
                `t7`.`day_mask` & IF(
                  `t7`.`known_day` > `t7`.`day`,
                  CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN -1 ELSE 0 END,
                  -1
                ) AS `mask`
              FROM (
                SELECT
                  `t6`.`account_id`,
                  `t6`.`user_id`,
                  `t6`.`feature`,
                  `t6`.`occurred_at`,
                  `t6`.`quantity`,
                  `t6`.`duration_s`,
                  `t6`.`active_users`,
                  `t6`.`known_at`,
                  `t6`.`day`,
                  `t6`.`known_day`,
                  `t4`.`window_day`,
                  `t4`.`day_mask`,
                  `t4`.`segment`,
                  `t4`.`day_bit`,
                  `t4`.`looks_until`
                FROM (
                  SELECT
                    `t1`.`account_id`,
                    `t1`.`user_id`,
                    `t1`.`feature`,
                    `t1`.`occurred_at`,
                    `t1`.`quantity`,
                    `t1`.`duration_s`,
                    `t1`.`active_users`,
                    `t1`.`known_at`,
                    DATE(`t1`.`occurred_at`) AS `day`,
                    DATE(`t1`.`known_at`) AS `known_day`
                  FROM `usage` AS `t1`
                ) AS `t6`
                INNER JOIN `constants_0` AS `t4`
                  ON `t6`.`day` = `t4`.`window_day`
              ) AS `t7`
            ) AS `t8`
          ) AS `t9`
          WHERE
            `t9`.`occurred_at` >= DATETIME('2025-05-04T00:00:00')
            AND `t9`.`occurred_at` < DATETIME('2025-06-01T00:00:00')
            AND (
              `t9`.`day_mask` & 2
            ) <> 0
            AND `t9`.`user_id` IS NOT NULL
        ) AS `t10`
        GROUP BY
          1,
          2
      ) AS `t11`
    ) AS `t13`
    CROSS JOIN `constants_1` AS `t3`
  ) AS `t14`
  WHERE
    (
      (
        `t14`.`mask` >> `t14`.`shift`
      ) & 31
    ) <> 0
) AS `t15`
GROUP BY
  1,
  2;

-- sums and distinct days in a window
WITH `t11` AS (
  SELECT
    `t10`.`account_id`,
    `t10`.`piece`,
    SUM(`t10`.`of_actions`) AS `of_actions`,
    BIT_OR(`t10`.`day_bit`) AS `days`,
    MAX(`t10`.`day`) AS `last_used`
  FROM (
    SELECT
      `t9`.`account_id`,
      `t9`.`user_id`,
      `t9`.`feature`,
      `t9`.`occurred_at`,
      `t9`.`quantity`,
      `t9`.`duration_s`,
      `t9`.`active_users`,
      `t9`.`known_at`,
      `t9`.`day`,
      `t9`.`day_mask`,
      `t9`.`day_bit`,
      `t9`.`piece`,
      `t9`.`mask` & 2 AS `mask`,
      `t9`.`quantity` AS `of_actions`
    FROM (
      SELECT
        `t8`.*
        EXCEPT (`known_day`, `looks_until`, `segment`, `window_day`)
      FROM (
        SELECT
          `t7`.`account_id`,
          `t7`.`user_id`,
          `t7`.`feature`,
          `t7`.`occurred_at`,
          `t7`.`quantity`,
          `t7`.`duration_s`,
          `t7`.`active_users`,
          `t7`.`known_at`,
          `t7`.`day`,
          `t7`.`known_day`,
          `t7`.`window_day`,
          `t7`.`day_mask`,
          `t7`.`segment`,
          `t7`.`day_bit`,
          `t7`.`looks_until`,
          (
            `t7`.`segment` * 100
          ) + IF(
            IF(
              `t7`.`known_day` > `t7`.`day`,
              CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
              0
            ) > `t7`.`looks_until`,
            IF(
              `t7`.`known_day` > `t7`.`day`,
              CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
              0
            ),
            0
          ) AS `piece`,
          `t7`.`day_mask` & IF(
            `t7`.`known_day` > `t7`.`day`,
            CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN -1 ELSE 0 END,
            -1
          ) AS `mask`
        FROM (
          SELECT
            `t6`.`account_id`,
            `t6`.`user_id`,
            `t6`.`feature`,
            `t6`.`occurred_at`,
            `t6`.`quantity`,
            `t6`.`duration_s`,
            `t6`.`active_users`,
            `t6`.`known_at`,
            `t6`.`day`,
            `t6`.`known_day`,
            `t4`.`window_day`,
            `t4`.`day_mask`,
            `t4`.`segment`,
            `t4`.`day_bit`,
            `t4`.`looks_until`
          FROM (
            SELECT
              `t1`.`account_id`,
              `t1`.`user_id`,
              `t1`.`feature`,
              `t1`.`occurred_at`,
              `t1`.`quantity`,
              `t1`.`duration_s`,
              `t1`.`active_users`,
              `t1`.`known_at`,
              DATE(`t1`.`occurred_at`) AS `day`,
              DATE(`t1`.`known_at`) AS `known_day`
            FROM `usage` AS `t1`
          ) AS `t6`
          INNER JOIN `constants_0` AS `t4`
            ON `t6`.`day` = `t4`.`window_day`
        ) AS `t7`
      ) AS `t8`
    ) AS `t9`
    WHERE
      `t9`.`occurred_at` >= DATETIME('2025-05-04T00:00:00')
      AND `t9`.`occurred_at` < DATETIME('2025-06-01T00:00:00')
      AND (
        `t9`.`day_mask` & 2
      ) <> 0
  ) AS `t10`
  GROUP BY
    1,
    2
), `t14` AS (
  SELECT
    `t12`.`account_id`,
    `t12`.`piece`,
    `t12`.`of_actions`,
    `t12`.`days`,
    `t12`.`last_used`,
    `t12`.`piece` - (
      MOD(`t12`.`piece`, 100)
    ) AS `segment`
  FROM `t11` AS `t12`
  WHERE
    NOT (
      (
        MOD(`t12`.`piece`, 100)
      ) = 0
    )
)
SELECT
  `t35`.*
  EXCEPT (`late_28d`)
FROM (
  SELECT
    `t34`.`account_id`,
    `t34`.`as_of`,
    `t34`.`actions_28d`,
    `t34`.`active_days_28d` + COALESCE(`t34`.`late_28d`, 0) AS `active_days_28d`,
    `t34`.`last_used`,
    `t34`.`late_28d`
  FROM (
    SELECT
      `t33`.*
      EXCEPT (`account_id_0_`, `as_of_0_`)
    FROM (
      SELECT
        `t30`.`account_id`,
        `t30`.`as_of`,
        `t30`.`actions_28d`,
        `t30`.`active_days_28d`,
        `t30`.`last_used`,
        `t32`.`account_id` AS `account_id_0_`,
        `t32`.`as_of` AS `as_of_0_`,
        `t32`.`late_28d`
      FROM (
        SELECT
          `t27`.`account_id`,
          `t27`.`as_of`,
          SUM(IF((
            `t27`.`word` & 2
          ) <> 0, `t27`.`of_actions`, NULL)) AS `actions_28d`,
          SUM(IF((
            `t27`.`word` & 2
          ) <> 0, `t27`.`days_in_time`, NULL)) AS `active_days_28d`,
          MAX(`t27`.`last_used`) AS `last_used`
        FROM (
          SELECT
            `t25`.`account_id`,
            `t25`.`piece`,
            `t25`.`of_actions`,
            `t25`.`days`,
            `t25`.`last_used`,
            `t25`.`days_in_time`,
            `t3`.`as_of`,
            `t3`.`word`
          FROM (
            SELECT
              `t12`.`account_id`,
              `t12`.`piece`,
              `t12`.`of_actions`,
              `t12`.`days`,
              `t12`.`last_used`,
              (
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      `t12`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        `t12`.`days` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t12`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t12`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) & 1085102592571150095
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t12`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t12`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) >> 4
                              ) & 1085102592571150095
                            )
                          ) & 71777214294589695
                        ) + (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t12`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t12`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) & 1085102592571150095
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) >> 4
                                ) & 1085102592571150095
                              )
                            ) >> 8
                          ) & 71777214294589695
                        )
                      ) & 281470681808895
                    ) + (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t12`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t12`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) & 1085102592571150095
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) >> 4
                                ) & 1085102592571150095
                              )
                            ) & 71777214294589695
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) & 1085102592571150095
                                ) + (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t12`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t12`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) >> 4
                                  ) & 1085102592571150095
                                )
                              ) >> 8
                            ) & 71777214294589695
                          )
                        ) >> 16
                      ) & 281470681808895
                    )
                  ) & 4294967295
                ) + (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t12`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t12`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) & 1085102592571150095
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) >> 4
                                ) & 1085102592571150095
                              )
                            ) & 71777214294589695
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) & 1085102592571150095
                                ) + (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t12`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t12`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) >> 4
                                  ) & 1085102592571150095
                                )
                              ) >> 8
                            ) & 71777214294589695
                          )
                        ) & 281470681808895
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t12`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t12`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) & 1085102592571150095
                                ) + (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t12`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t12`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) >> 4
                                  ) & 1085102592571150095
                                )
                              ) & 71777214294589695
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t12`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t12`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t12`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t12`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) & 1085102592571150095
                                  ) + (
                                    (
                                      (
                                        (
                                          (
                                            (
                                              `t12`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t12`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) & 3689348814741910323
                                        ) + (
                                          (
                                            (
                                              (
                                                `t12`.`days` & 6148914691236517205
                                              ) + (
                                                (
                                                  `t12`.`days` >> 1
                                                ) & 6148914691236517205
                                              )
                                            ) >> 2
                                          ) & 3689348814741910323
                                        )
                                      ) >> 4
                                    ) & 1085102592571150095
                                  )
                                ) >> 8
                              ) & 71777214294589695
                            )
                          ) >> 16
                        ) & 281470681808895
                      )
                    ) >> 32
                  ) & 4294967295
                )
              ) * IF((
                MOD(`t12`.`piece`, 100)
              ) = 0, 1, 0) AS `days_in_time`
            FROM `t11` AS `t12`
          ) AS `t25`
          INNER JOIN `constants_1` AS `t3`
            ON `t25`.`piece` = `t3`.`piece`
        ) AS `t27`
        GROUP BY
          1,
          2
      ) AS `t30`
      LEFT OUTER JOIN (
        SELECT
          `t28`.`account_id`,
          `t28`.`as_of`,
          SUM(
            (
              (
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  `t28`.`28d` & 6148914691236517205
                                ) + (
                                  (
                                    `t28`.`28d` >> 1
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                (
                                  (
                                    `t28`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t28`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) >> 2
                              ) & 3689348814741910323
                            )
                          ) & 1085102592571150095
                        ) + (
                          (
                            (
                              (
                                (
                                  (
                                    `t28`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t28`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) & 3689348814741910323
                              ) + (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) >> 2
                                ) & 3689348814741910323
                              )
                            ) >> 4
                          ) & 1085102592571150095
                        )
                      ) & 71777214294589695
                    ) + (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    `t28`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t28`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) & 3689348814741910323
                              ) + (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) >> 2
                                ) & 3689348814741910323
                              )
                            ) & 1085102592571150095
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) >> 4
                            ) & 1085102592571150095
                          )
                        ) >> 8
                      ) & 71777214294589695
                    )
                  ) & 281470681808895
                ) + (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    `t28`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t28`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) & 3689348814741910323
                              ) + (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) >> 2
                                ) & 3689348814741910323
                              )
                            ) & 1085102592571150095
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) >> 4
                            ) & 1085102592571150095
                          )
                        ) & 71777214294589695
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) & 1085102592571150095
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t28`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t28`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) >> 4
                              ) & 1085102592571150095
                            )
                          ) >> 8
                        ) & 71777214294589695
                      )
                    ) >> 16
                  ) & 281470681808895
                )
              ) & 4294967295
            ) + (
              (
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    `t28`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t28`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) & 3689348814741910323
                              ) + (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) >> 2
                                ) & 3689348814741910323
                              )
                            ) & 1085102592571150095
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) >> 4
                            ) & 1085102592571150095
                          )
                        ) & 71777214294589695
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) & 1085102592571150095
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t28`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t28`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) >> 4
                              ) & 1085102592571150095
                            )
                          ) >> 8
                        ) & 71777214294589695
                      )
                    ) & 281470681808895
                  ) + (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      `t28`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t28`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) & 1085102592571150095
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t28`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t28`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) >> 4
                              ) & 1085102592571150095
                            )
                          ) & 71777214294589695
                        ) + (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t28`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t28`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t28`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t28`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) & 1085102592571150095
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t28`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t28`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t28`.`28d` & 6148914691236517205
                                          ) + (
                                            (
                                              `t28`.`28d` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) >> 4
                                ) & 1085102592571150095
                              )
                            ) >> 8
                          ) & 71777214294589695
                        )
                      ) >> 16
                    ) & 281470681808895
                  )
                ) >> 32
              ) & 4294967295
            )
          ) AS `late_28d`
        FROM (
          SELECT
            `t26`.`account_id`,
            `t26`.`as_of`,
            `t26`.`segment`,
            BIT_OR(IF((
              `t26`.`word` & 2
            ) <> 0, `t26`.`days`, NULL)) AS `28d`
          FROM (
            SELECT
              `t24`.`account_id`,
              `t24`.`segment`,
              `t24`.`piece`,
              `t24`.`days`,
              `t3`.`as_of`,
              `t3`.`word`
            FROM (
              SELECT
                `t21`.`account_id`,
                `t21`.`segment`,
                `t21`.`piece`,
                `t21`.`days` & ~COALESCE(`t21`.`told`, 0) AS `days`
              FROM (
                SELECT
                  `t17`.`account_id`,
                  `t17`.`piece`,
                  `t17`.`of_actions`,
                  `t17`.`days`,
                  `t17`.`last_used`,
                  `t17`.`segment`,
                  `t20`.`account_id` AS `account_id_right`,
                  `t20`.`segment` AS `segment_right`,
                  `t20`.`told`
                FROM `t14` AS `t17`
                LEFT OUTER JOIN (
                  SELECT
                    `t15`.`account_id`,
                    `t15`.`segment`,
                    `t15`.`days` AS `told`
                  FROM (
                    SELECT
                      `t12`.`account_id`,
                      `t12`.`piece`,
                      `t12`.`of_actions`,
                      `t12`.`days`,
                      `t12`.`last_used`,
                      `t12`.`piece` - (
                        MOD(`t12`.`piece`, 100)
                      ) AS `segment`
                    FROM `t11` AS `t12`
                    WHERE
                      (
                        MOD(`t12`.`piece`, 100)
                      ) = 0
                  ) AS `t15`
                  WHERE
                    EXISTS(
                      SELECT
                        1
                      FROM `t14` AS `t18`
                      WHERE
                        `t15`.`account_id` = `t18`.`account_id` AND `t15`.`segment` = `t18`.`segment`
                    )
                ) AS `t20`
                  ON `t17`.`account_id` = `t20`.`account_id` AND `t17`.`segment` = `t20`.`segment`
              ) AS `t21`
            ) AS `t24`
            INNER JOIN `constants_1` AS `t3`
              ON `t24`.`piece` = `t3`.`piece`
          ) AS `t26`
          GROUP BY
            1,
            2,
            3
        ) AS `t28`
        GROUP BY
          1,
          2
      ) AS `t32`
        ON `t30`.`account_id` = `t32`.`account_id` AND `t30`.`as_of` = `t32`.`as_of`
    ) AS `t33`
  ) AS `t34`
) AS `t35`;

-- sessions of people
WITH `t18` AS (
  SELECT
    `t13`.`account_id`,
    `t13`.`user_id`,
    `t13`.`occurred_at`,
    `t13`.`day`,
    `t13`.`known_day`,
    `t13`.`began`,
    `t13`.`ended`,
    `t13`.`timed`,
    `t16`.`as_of`
  FROM (
    SELECT
      `t1`.`account_id`,
      `t1`.`user_id`,
      `t1`.`occurred_at`,
      DATE(`t1`.`occurred_at`) AS `day`,
      DATE(`t1`.`known_at`) AS `known_day`,
      CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t1`.`occurred_at`, SECOND)) AS INT64) AS `began`,
      CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t1`.`occurred_at`, SECOND)) AS INT64) + CASE
        WHEN CAST(ROUND(COALESCE(`t1`.`duration_s`, 0.0), 0) AS INT64) < 0
        THEN 0
        WHEN CAST(ROUND(COALESCE(`t1`.`duration_s`, 0.0), 0) AS INT64) > 43200
        THEN 43200
        ELSE CAST(ROUND(COALESCE(`t1`.`duration_s`, 0.0), 0) AS INT64)
      END AS `ended`,
      IF(
        (
          MOD(CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t1`.`occurred_at`, SECOND)) AS INT64), 86400)
        ) <> 0,
        1.0,
        0.0
      ) AS `timed`
    FROM `usage` AS `t1`
    WHERE
      `t1`.`user_id` IS NOT NULL
  ) AS `t13`
  INNER JOIN (
    SELECT DISTINCT
      `t11`.`account_id`,
      `t11`.`user_id`,
      `t11`.`as_of`
    FROM (
      SELECT
        `t10`.`account_id`,
        `t10`.`user_id`,
        `t10`.`day`,
        `t10`.`known_day`,
        `t6`.`as_of`
      FROM (
        SELECT
          `t1`.`account_id`,
          `t1`.`user_id`,
          DATE(`t1`.`occurred_at`) AS `day`,
          DATE(`t1`.`known_at`) AS `known_day`
        FROM `usage` AS `t1`
        WHERE
          `t1`.`user_id` IS NOT NULL AND DATE(`t1`.`known_at`) > DATE(`t1`.`occurred_at`)
      ) AS `t10`
      CROSS JOIN `constants_0` AS `t6`
    ) AS `t11`
    WHERE
      `t11`.`known_day` >= `t11`.`as_of`
      AND (
        CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t11`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t11`.`day` AS DATETIME)), 86400)) AS INT64)
      ) > 0
      AND (
        CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t11`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t11`.`day` AS DATETIME)), 86400)) AS INT64)
      ) <= 29
  ) AS `t16`
    ON `t13`.`account_id` = `t16`.`account_id` AND `t13`.`user_id` = `t16`.`user_id`
)
SELECT
  `t46`.`account_id`,
  `t46`.`as_of`,
  IF(`t46`.`timed` > 0, `t46`.`sessions`, CAST(NULL AS FLOAT64)) AS `sessions_28d`,
  IF(`t46`.`timed` > 0, `t46`.`session_seconds`, CAST(NULL AS FLOAT64)) AS `session_seconds_28d`
FROM (
  SELECT
    `t45`.`account_id`,
    `t45`.`as_of`,
    SUM(`t45`.`sessions`) AS `sessions`,
    SUM(`t45`.`session_seconds`) AS `session_seconds`,
    SUM(`t45`.`timed`) AS `timed`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t32`.`account_id`,
        `t32`.`as_of`,
        -(
          `t32`.`sessions`
        ) AS `sessions`,
        -(
          `t32`.`session_seconds`
        ) AS `session_seconds`,
        -(
          `t32`.`timed`
        ) AS `timed`
      FROM (
        SELECT
          `t29`.*
          EXCEPT (`busy_until`)
        FROM (
          SELECT
            `t27`.`account_id`,
            `t27`.`user_id`,
            `t27`.`occurred_at`,
            `t27`.`day`,
            `t27`.`known_day`,
            `t27`.`began`,
            `t27`.`ended`,
            `t27`.`timed`,
            `t27`.`as_of`,
            `t27`.`age_days`,
            `t27`.`busy_until`,
            IF(
              (
                `t27`.`busy_until` IS NULL
              )
              OR (
                (
                  `t27`.`began` - `t27`.`busy_until`
                ) >= 1800
              ),
              1.0,
              0.0
            ) AS `sessions`,
            CAST(CASE
              WHEN (
                `t27`.`busy_until` IS NULL
              )
              OR (
                (
                  `t27`.`began` - `t27`.`busy_until`
                ) >= 1800
              )
              THEN `t27`.`ended` - `t27`.`began`
              WHEN (
                `t27`.`ended` - `t27`.`busy_until`
              ) > 0
              THEN `t27`.`ended` - `t27`.`busy_until`
              ELSE 0
            END AS FLOAT64) AS `session_seconds`
          FROM (
            SELECT
              `t24`.`account_id`,
              `t24`.`user_id`,
              `t24`.`occurred_at`,
              `t24`.`day`,
              `t24`.`known_day`,
              `t24`.`began`,
              `t24`.`ended`,
              `t24`.`timed`,
              `t24`.`as_of`,
              `t24`.`age_days`,
              MAX(`t24`.`ended`) OVER (
                PARTITION BY `t24`.`account_id`, `t24`.`user_id`, `t24`.`as_of`
                ORDER BY `t24`.`began` ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) AS `busy_until`
            FROM (
              SELECT
                `t19`.`account_id`,
                `t19`.`user_id`,
                `t19`.`occurred_at`,
                `t19`.`day`,
                `t19`.`known_day`,
                `t19`.`began`,
                `t19`.`ended`,
                `t19`.`timed`,
                `t19`.`as_of`,
                CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`day` AS DATETIME)), 86400)) AS INT64) AS `age_days`
              FROM `t18` AS `t19`
              WHERE
                (
                  CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`day` AS DATETIME)), 86400)) AS INT64)
                ) > 0
                AND (
                  CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`day` AS DATETIME)), 86400)) AS INT64)
                ) <= 29
            ) AS `t24`
          ) AS `t27`
        ) AS `t29`
      ) AS `t32`
      WHERE
        `t32`.`age_days` <= 28
    ) AS `t35`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          `t42`.`account_id`,
          `t42`.`as_of`,
          `t42`.`sessions_28d` AS `sessions`,
          `t42`.`session_seconds_28d` AS `session_seconds`,
          `t42`.`timed_28d` AS `timed`
        FROM (
          SELECT
            `t41`.`account_id`,
            `t41`.`as_of`,
            SUM(IF((
              `t41`.`word` & 2
            ) <> 0, `t41`.`of_sessions`, NULL)) AS `sessions_28d`,
            SUM(IF((
              `t41`.`word` & 2
            ) <> 0, `t41`.`of_session_seconds`, NULL)) AS `session_seconds_28d`,
            SUM(IF((
              `t41`.`word` & 2
            ) <> 0, `t41`.`of_timed`, NULL)) AS `timed_28d`,
            MAX(`t41`.`last_used`) AS `last_used`
          FROM (
            SELECT
              `t40`.`account_id`,
              `t40`.`piece`,
              `t40`.`of_sessions`,
              `t40`.`of_session_seconds`,
              `t40`.`of_timed`,
              `t40`.`days`,
              `t40`.`last_used`,
              `t40`.`days_in_time`,
              `t5`.`as_of`,
              `t5`.`word`
            FROM (
              SELECT
                `t38`.`account_id`,
                `t38`.`piece`,
                `t38`.`of_sessions`,
                `t38`.`of_session_seconds`,
                `t38`.`of_timed`,
                `t38`.`days`,
                `t38`.`last_used`,
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t38`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t38`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t38`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t38`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) & 1085102592571150095
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t38`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t38`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) >> 4
                                ) & 1085102592571150095
                              )
                            ) & 71777214294589695
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t38`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t38`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) & 1085102592571150095
                                ) + (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) >> 4
                                  ) & 1085102592571150095
                                )
                              ) >> 8
                            ) & 71777214294589695
                          )
                        ) & 281470681808895
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t38`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t38`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) & 1085102592571150095
                                ) + (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) >> 4
                                  ) & 1085102592571150095
                                )
                              ) & 71777214294589695
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) & 1085102592571150095
                                  ) + (
                                    (
                                      (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) & 3689348814741910323
                                        ) + (
                                          (
                                            (
                                              (
                                                `t38`.`days` & 6148914691236517205
                                              ) + (
                                                (
                                                  `t38`.`days` >> 1
                                                ) & 6148914691236517205
                                              )
                                            ) >> 2
                                          ) & 3689348814741910323
                                        )
                                      ) >> 4
                                    ) & 1085102592571150095
                                  )
                                ) >> 8
                              ) & 71777214294589695
                            )
                          ) >> 16
                        ) & 281470681808895
                      )
                    ) & 4294967295
                  ) + (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t38`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t38`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) & 1085102592571150095
                                ) + (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) >> 4
                                  ) & 1085102592571150095
                                )
                              ) & 71777214294589695
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) & 1085102592571150095
                                  ) + (
                                    (
                                      (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) & 3689348814741910323
                                        ) + (
                                          (
                                            (
                                              (
                                                `t38`.`days` & 6148914691236517205
                                              ) + (
                                                (
                                                  `t38`.`days` >> 1
                                                ) & 6148914691236517205
                                              )
                                            ) >> 2
                                          ) & 3689348814741910323
                                        )
                                      ) >> 4
                                    ) & 1085102592571150095
                                  )
                                ) >> 8
                              ) & 71777214294589695
                            )
                          ) & 281470681808895
                        ) + (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t38`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t38`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) & 1085102592571150095
                                  ) + (
                                    (
                                      (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) & 3689348814741910323
                                        ) + (
                                          (
                                            (
                                              (
                                                `t38`.`days` & 6148914691236517205
                                              ) + (
                                                (
                                                  `t38`.`days` >> 1
                                                ) & 6148914691236517205
                                              )
                                            ) >> 2
                                          ) & 3689348814741910323
                                        )
                                      ) >> 4
                                    ) & 1085102592571150095
                                  )
                                ) & 71777214294589695
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            (
                                              `t38`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t38`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) & 3689348814741910323
                                        ) + (
                                          (
                                            (
                                              (
                                                `t38`.`days` & 6148914691236517205
                                              ) + (
                                                (
                                                  `t38`.`days` >> 1
                                                ) & 6148914691236517205
                                              )
                                            ) >> 2
                                          ) & 3689348814741910323
                                        )
                                      ) & 1085102592571150095
                                    ) + (
                                      (
                                        (
                                          (
                                            (
                                              (
                                                `t38`.`days` & 6148914691236517205
                                              ) + (
                                                (
                                                  `t38`.`days` >> 1
                                                ) & 6148914691236517205
                                              )
                                            ) & 3689348814741910323
                                          ) + (
                                            (
                                              (
                                                (
                                                  `t38`.`days` & 6148914691236517205
                                                ) + (
                                                  (
                                                    `t38`.`days` >> 1
                                                  ) & 6148914691236517205
                                                )
                                              ) >> 2
                                            ) & 3689348814741910323
                                          )
                                        ) >> 4
                                      ) & 1085102592571150095
                                    )
                                  ) >> 8
                                ) & 71777214294589695
                              )
                            ) >> 16
                          ) & 281470681808895
                        )
                      ) >> 32
                    ) & 4294967295
                  )
                ) * IF((
                  MOD(`t38`.`piece`, 100)
                ) = 0, 1, 0) AS `days_in_time`
              FROM (
                SELECT
                  `t37`.`account_id`,
                  `t37`.`piece`,
                  SUM(`t37`.`of_sessions`) AS `of_sessions`,
                  SUM(`t37`.`of_session_seconds`) AS `of_session_seconds`,
                  SUM(`t37`.`of_timed`) AS `of_timed`,
                  BIT_OR(`t37`.`day_bit`) AS `days`,
                  MAX(`t37`.`day`) AS `last_used`
                FROM (
                  SELECT
                    `t34`.`account_id`,
                    `t34`.`user_id`,
                    `t34`.`occurred_at`,
                    `t34`.`day`,
                    `t34`.`began`,
                    `t34`.`ended`,
                    `t34`.`timed`,
                    `t34`.`sessions`,
                    `t34`.`session_seconds`,
                    `t34`.`known_at`,
                    `t34`.`day_mask`,
                    `t34`.`day_bit`,
                    `t34`.`piece`,
                    `t34`.`mask` & 2 AS `mask`,
                    `t34`.`sessions` AS `of_sessions`,
                    `t34`.`session_seconds` AS `of_session_seconds`,
                    `t34`.`timed` AS `of_timed`
                  FROM (
                    SELECT
                      `t31`.*
                      EXCEPT (`known_day`, `looks_until`, `segment`, `window_day`)
                    FROM (
                      SELECT
                        `t26`.`account_id`,
                        `t26`.`user_id`,
                        `t26`.`occurred_at`,
                        `t26`.`day`,
                        `t26`.`known_day`,
                        `t26`.`began`,
                        `t26`.`ended`,
                        `t26`.`timed`,
                        `t26`.`sessions`,
                        `t26`.`session_seconds`,
                        `t26`.`known_at`,
                        `t26`.`window_day`,
                        `t26`.`day_mask`,
                        `t26`.`segment`,
                        `t26`.`day_bit`,
                        `t26`.`looks_until`,
                        (
                          `t26`.`segment` * 100
                        ) + IF(
                          IF(
                            `t26`.`known_day` > `t26`.`day`,
                            CASE WHEN `t26`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                            0
                          ) > `t26`.`looks_until`,
                          IF(
                            `t26`.`known_day` > `t26`.`day`,
                            CASE WHEN `t26`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                            0
                          ),
                          0
                        ) AS `piece`,
                        `t26`.`day_mask` & IF(
                          `t26`.`known_day` > `t26`.`day`,
                          CASE WHEN `t26`.`known_day` < DATE(2025, 6, 1) THEN -1 ELSE 0 END,
                          -1
                        ) AS `mask`
                      FROM (
                        SELECT
                          `t23`.`account_id`,
                          `t23`.`user_id`,
                          `t23`.`occurred_at`,
                          `t23`.`day`,
                          `t23`.`known_day`,
                          `t23`.`began`,
                          `t23`.`ended`,
                          `t23`.`timed`,
                          `t23`.`sessions`,
                          `t23`.`session_seconds`,
                          `t23`.`known_at`,
                          `t7`.`window_day`,
                          `t7`.`day_mask`,
                          `t7`.`segment`,
                          `t7`.`day_bit`,
                          `t7`.`looks_until`
                        FROM (
                          SELECT
                            `t21`.`account_id`,
                            `t21`.`user_id`,
                            `t21`.`occurred_at`,
                            DATE(`t21`.`occurred_at`) AS `day`,
                            DATE(`t21`.`occurred_at`) AS `known_day`,
                            `t21`.`began`,
                            `t21`.`ended`,
                            `t21`.`timed`,
                            `t21`.`sessions`,
                            `t21`.`session_seconds`,
                            `t21`.`occurred_at` AS `known_at`
                          FROM (
                            SELECT
                              `t20`.*
                              EXCEPT (`busy_until`)
                            FROM (
                              SELECT
                                `t17`.`account_id`,
                                `t17`.`user_id`,
                                `t17`.`occurred_at`,
                                `t17`.`day`,
                                `t17`.`known_day`,
                                `t17`.`began`,
                                `t17`.`ended`,
                                `t17`.`timed`,
                                `t17`.`busy_until`,
                                IF(
                                  (
                                    `t17`.`busy_until` IS NULL
                                  )
                                  OR (
                                    (
                                      `t17`.`began` - `t17`.`busy_until`
                                    ) >= 1800
                                  ),
                                  1.0,
                                  0.0
                                ) AS `sessions`,
                                CAST(CASE
                                  WHEN (
                                    `t17`.`busy_until` IS NULL
                                  )
                                  OR (
                                    (
                                      `t17`.`began` - `t17`.`busy_until`
                                    ) >= 1800
                                  )
                                  THEN `t17`.`ended` - `t17`.`began`
                                  WHEN (
                                    `t17`.`ended` - `t17`.`busy_until`
                                  ) > 0
                                  THEN `t17`.`ended` - `t17`.`busy_until`
                                  ELSE 0
                                END AS FLOAT64) AS `session_seconds`
                              FROM (
                                SELECT
                                  `t14`.`account_id`,
                                  `t14`.`user_id`,
                                  `t14`.`occurred_at`,
                                  `t14`.`day`,
                                  `t14`.`known_day`,
                                  `t14`.`began`,
                                  `t14`.`ended`,
                                  `t14`.`timed`,
                                  MAX(`t14`.`ended`) OVER (
                                    PARTITION BY `t14`.`account_id`, `t14`.`user_id`
                                    ORDER BY `t14`.`began` ASC
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
                                  ) AS `busy_until`
                                FROM (
                                  SELECT
                                    `t13`.`account_id`,
                                    `t13`.`user_id`,
                                    `t13`.`occurred_at`,
                                    `t13`.`day`,
                                    `t13`.`known_day`,
                                    `t13`.`began`,
                                    `t13`.`ended`,
                                    `t13`.`timed`
                                  FROM (
                                    SELECT
                                      `t1`.`account_id`,
                                      `t1`.`user_id`,
                                      `t1`.`occurred_at`,
                                      DATE(`t1`.`occurred_at`) AS `day`,
                                      DATE(`t1`.`known_at`) AS `known_day`,
                                      CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t1`.`occurred_at`, SECOND)) AS INT64) AS `began`,
                                      CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t1`.`occurred_at`, SECOND)) AS INT64) + CASE
                                        WHEN CAST(ROUND(COALESCE(`t1`.`duration_s`, 0.0), 0) AS INT64) < 0
                                        THEN 0
                                        WHEN CAST(ROUND(COALESCE(`t1`.`duration_s`, 0.0), 0) AS INT64) > 43200
                                        THEN 43200
                                        ELSE CAST(ROUND(COALESCE(`t1`.`duration_s`, 0.0), 0) AS INT64)
                                      END AS `ended`,
                                      IF(
                                        (
                                          MOD(CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t1`.`occurred_at`, SECOND)) AS INT64), 86400)
                                        ) <> 0,
                                        1.0,
                                        0.0
                                      ) AS `timed`
                                    FROM `usage` AS `t1`
                                    WHERE
                                      `t1`.`user_id` IS NOT NULL
                                  ) AS `t13`
                                  WHERE
                                    EXISTS(
                                      SELECT
                                        1
                                      FROM `constants_1` AS `t8`
                                      WHERE
                                        `t13`.`day` = `t8`.`day`
                                    )
                                ) AS `t14`
                              ) AS `t17`
                            ) AS `t20`
                          ) AS `t21`
                        ) AS `t23`
                        INNER JOIN `constants_2` AS `t7`
                          ON `t23`.`day` = `t7`.`window_day`
                      ) AS `t26`
                    ) AS `t31`
                  ) AS `t34`
                  WHERE
                    `t34`.`occurred_at` >= DATETIME('2025-05-04T00:00:00')
                    AND `t34`.`occurred_at` < DATETIME('2025-06-01T00:00:00')
                    AND (
                      `t34`.`day_mask` & 2
                    ) <> 0
                ) AS `t37`
                GROUP BY
                  1,
                  2
              ) AS `t38`
            ) AS `t40`
            INNER JOIN `constants_3` AS `t5`
              ON `t40`.`piece` = `t5`.`piece`
          ) AS `t41`
          GROUP BY
            1,
            2
        ) AS `t42`
      ) AS `t43`
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          `t33`.`account_id`,
          `t33`.`as_of`,
          `t33`.`sessions`,
          `t33`.`session_seconds`,
          `t33`.`timed`
        FROM (
          SELECT
            `t30`.*
            EXCEPT (`busy_until`)
          FROM (
            SELECT
              `t28`.`account_id`,
              `t28`.`user_id`,
              `t28`.`occurred_at`,
              `t28`.`day`,
              `t28`.`known_day`,
              `t28`.`began`,
              `t28`.`ended`,
              `t28`.`timed`,
              `t28`.`as_of`,
              `t28`.`age_days`,
              `t28`.`busy_until`,
              IF(
                (
                  `t28`.`busy_until` IS NULL
                )
                OR (
                  (
                    `t28`.`began` - `t28`.`busy_until`
                  ) >= 1800
                ),
                1.0,
                0.0
              ) AS `sessions`,
              CAST(CASE
                WHEN (
                  `t28`.`busy_until` IS NULL
                )
                OR (
                  (
                    `t28`.`began` - `t28`.`busy_until`
                  ) >= 1800
                )
                THEN `t28`.`ended` - `t28`.`began`
                WHEN (
                  `t28`.`ended` - `t28`.`busy_until`
                ) > 0
                THEN `t28`.`ended` - `t28`.`busy_until`
                ELSE 0
              END AS FLOAT64) AS `session_seconds`
            FROM (
              SELECT
                `t25`.`account_id`,
                `t25`.`user_id`,
                `t25`.`occurred_at`,
                `t25`.`day`,
                `t25`.`known_day`,
                `t25`.`began`,
                `t25`.`ended`,
                `t25`.`timed`,
                `t25`.`as_of`,
                `t25`.`age_days`,
                MAX(`t25`.`ended`) OVER (
                  PARTITION BY `t25`.`account_id`, `t25`.`user_id`, `t25`.`as_of`
                  ORDER BY `t25`.`began` ASC
                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
                ) AS `busy_until`
              FROM (
                SELECT
                  `t19`.`account_id`,
                  `t19`.`user_id`,
                  `t19`.`occurred_at`,
                  `t19`.`day`,
                  `t19`.`known_day`,
                  `t19`.`began`,
                  `t19`.`ended`,
                  `t19`.`timed`,
                  `t19`.`as_of`,
                  CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`day` AS DATETIME)), 86400)) AS INT64) AS `age_days`
                FROM `t18` AS `t19`
                WHERE
                  (
                    CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`day` AS DATETIME)), 86400)) AS INT64)
                  ) > 0
                  AND (
                    CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t19`.`day` AS DATETIME)), 86400)) AS INT64)
                  ) <= 29
                  AND `t19`.`known_day` < `t19`.`as_of`
              ) AS `t25`
            ) AS `t28`
          ) AS `t30`
        ) AS `t33`
        WHERE
          `t33`.`age_days` <= 28
      ) AS `t36`
    ) AS `t44`
  ) AS `t45`
  GROUP BY
    1,
    2
) AS `t46`;

-- days of use by week
SELECT
  `t20`.`account_id`,
  `t20`.`as_of`,
  COUNTIF(`t20`.`days` > 0) AS `active_weeks`,
  SUM(`t20`.`days`) AS `week_days`,
  SUM(`t20`.`days` * `t20`.`days`) AS `week_squares`
FROM (
  SELECT
    `t19`.`account_id`,
    `t19`.`as_of`,
    `t19`.`week`,
    SUM(
      (
        (
          (
            (
              (
                (
                  (
                    (
                      (
                        (
                          (
                            `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                          ) + (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week`
                              ) >> 1
                            ) & 6148914691236517205
                          )
                        ) & 3689348814741910323
                      ) + (
                        (
                          (
                            (
                              `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                            ) + (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week`
                                ) >> 1
                              ) & 6148914691236517205
                            )
                          ) >> 2
                        ) & 3689348814741910323
                      )
                    ) & 1085102592571150095
                  ) + (
                    (
                      (
                        (
                          (
                            (
                              `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                            ) + (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week`
                                ) >> 1
                              ) & 6148914691236517205
                            )
                          ) & 3689348814741910323
                        ) + (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) >> 2
                          ) & 3689348814741910323
                        )
                      ) >> 4
                    ) & 1085102592571150095
                  )
                ) & 71777214294589695
              ) + (
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                            ) + (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week`
                                ) >> 1
                              ) & 6148914691236517205
                            )
                          ) & 3689348814741910323
                        ) + (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) >> 2
                          ) & 3689348814741910323
                        )
                      ) & 1085102592571150095
                    ) + (
                      (
                        (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) & 3689348814741910323
                          ) + (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) >> 2
                            ) & 3689348814741910323
                          )
                        ) >> 4
                      ) & 1085102592571150095
                    )
                  ) >> 8
                ) & 71777214294589695
              )
            ) & 281470681808895
          ) + (
            (
              (
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                            ) + (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week`
                                ) >> 1
                              ) & 6148914691236517205
                            )
                          ) & 3689348814741910323
                        ) + (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) >> 2
                          ) & 3689348814741910323
                        )
                      ) & 1085102592571150095
                    ) + (
                      (
                        (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) & 3689348814741910323
                          ) + (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) >> 2
                            ) & 3689348814741910323
                          )
                        ) >> 4
                      ) & 1085102592571150095
                    )
                  ) & 71777214294589695
                ) + (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) & 3689348814741910323
                          ) + (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) >> 2
                            ) & 3689348814741910323
                          )
                        ) & 1085102592571150095
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                  ) + (
                                    (
                                      (
                                        `t19`.`days` & `t19`.`of_week`
                                      ) >> 1
                                    ) & 6148914691236517205
                                  )
                                ) >> 2
                              ) & 3689348814741910323
                            )
                          ) >> 4
                        ) & 1085102592571150095
                      )
                    ) >> 8
                  ) & 71777214294589695
                )
              ) >> 16
            ) & 281470681808895
          )
        ) & 4294967295
      ) + (
        (
          (
            (
              (
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                            ) + (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week`
                                ) >> 1
                              ) & 6148914691236517205
                            )
                          ) & 3689348814741910323
                        ) + (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) >> 2
                          ) & 3689348814741910323
                        )
                      ) & 1085102592571150095
                    ) + (
                      (
                        (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) & 3689348814741910323
                          ) + (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) >> 2
                            ) & 3689348814741910323
                          )
                        ) >> 4
                      ) & 1085102592571150095
                    )
                  ) & 71777214294589695
                ) + (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) & 3689348814741910323
                          ) + (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) >> 2
                            ) & 3689348814741910323
                          )
                        ) & 1085102592571150095
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                  ) + (
                                    (
                                      (
                                        `t19`.`days` & `t19`.`of_week`
                                      ) >> 1
                                    ) & 6148914691236517205
                                  )
                                ) >> 2
                              ) & 3689348814741910323
                            )
                          ) >> 4
                        ) & 1085102592571150095
                      )
                    ) >> 8
                  ) & 71777214294589695
                )
              ) & 281470681808895
            ) + (
              (
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                              ) + (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week`
                                  ) >> 1
                                ) & 6148914691236517205
                              )
                            ) & 3689348814741910323
                          ) + (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) >> 2
                            ) & 3689348814741910323
                          )
                        ) & 1085102592571150095
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                  ) + (
                                    (
                                      (
                                        `t19`.`days` & `t19`.`of_week`
                                      ) >> 1
                                    ) & 6148914691236517205
                                  )
                                ) >> 2
                              ) & 3689348814741910323
                            )
                          ) >> 4
                        ) & 1085102592571150095
                      )
                    ) & 71777214294589695
                  ) + (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                ) + (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week`
                                    ) >> 1
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                  ) + (
                                    (
                                      (
                                        `t19`.`days` & `t19`.`of_week`
                                      ) >> 1
                                    ) & 6148914691236517205
                                  )
                                ) >> 2
                              ) & 3689348814741910323
                            )
                          ) & 1085102592571150095
                        ) + (
                          (
                            (
                              (
                                (
                                  (
                                    `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                  ) + (
                                    (
                                      (
                                        `t19`.`days` & `t19`.`of_week`
                                      ) >> 1
                                    ) & 6148914691236517205
                                  )
                                ) & 3689348814741910323
                              ) + (
                                (
                                  (
                                    (
                                      `t19`.`days` & `t19`.`of_week` & 6148914691236517205
                                    ) + (
                                      (
                                        (
                                          `t19`.`days` & `t19`.`of_week`
                                        ) >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) >> 2
                                ) & 3689348814741910323
                              )
                            ) >> 4
                          ) & 1085102592571150095
                        )
                      ) >> 8
                    ) & 71777214294589695
                  )
                ) >> 16
              ) & 281470681808895
            )
          ) >> 32
        ) & 4294967295
      )
    ) AS `days`
  FROM (
    SELECT
      `t18`.`account_id`,
      `t18`.`as_of`,
      `t18`.`segment`,
      `t18`.`days`,
      `t4`.`week`,
      `t4`.`of_week`
    FROM (
      SELECT
        `t16`.`account_id`,
        `t16`.`as_of`,
        `t16`.`segment`,
        BIT_OR(`t16`.`days`) AS `days`
      FROM (
        SELECT
          `t15`.`account_id`,
          `t15`.`piece`,
          `t15`.`days`,
          `t15`.`as_of`,
          `t15`.`word`,
          `t15`.`piece` - (
            MOD(`t15`.`piece`, 100)
          ) AS `segment`
        FROM (
          SELECT
            `t14`.`account_id`,
            `t14`.`piece`,
            `t14`.`days`,
            `t5`.`as_of`,
            `t5`.`word`
          FROM (
            SELECT
              `t12`.`account_id`,
              `t12`.`piece`,
              BIT_OR(`t12`.`day_bit`) AS `days`
            FROM (
              SELECT
                `t11`.`account_id`,
                `t11`.`user_id`,
                `t11`.`feature`,
                `t11`.`occurred_at`,
                `t11`.`quantity`,
                `t11`.`duration_s`,
                `t11`.`active_users`,
                `t11`.`known_at`,
                `t11`.`day`,
                `t11`.`day_mask`,
                `t11`.`day_bit`,
                `t11`.`piece`,
                `t11`.`mask` & 8 AS `mask`
              FROM (
                SELECT
                  `t10`.*
                  EXCEPT (`known_day`, `looks_until`, `segment`, `window_day`)
                FROM (
                  SELECT
                    `t9`.`account_id`,
                    `t9`.`user_id`,
                    `t9`.`feature`,
                    `t9`.`occurred_at`,
                    `t9`.`quantity`,
                    `t9`.`duration_s`,
                    `t9`.`active_users`,
                    `t9`.`known_at`,
                    `t9`.`day`,
                    `t9`.`known_day`,
                    `t9`.`window_day`,
                    `t9`.`day_mask`,
                    `t9`.`segment`,
                    `t9`.`day_bit`,
                    `t9`.`looks_until`,
                    (
                      `t9`.`segment` * 100
                    ) + IF(
                      IF(
                        `t9`.`known_day` > `t9`.`day`,
                        CASE WHEN `t9`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                        0
                      ) > `t9`.`looks_until`,
                      IF(
                        `t9`.`known_day` > `t9`.`day`,
                        CASE WHEN `t9`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                        0
                      ),
                      0
                    ) AS `piece`,
                    `t9`.`day_mask` & IF(
                      `t9`.`known_day` > `t9`.`day`,
                      CASE WHEN `t9`.`known_day` < DATE(2025, 6, 1) THEN -1 ELSE 0 END,
                      -1
                    ) AS `mask`
                  FROM (
                    SELECT
                      `t8`.`account_id`,
                      `t8`.`user_id`,
                      `t8`.`feature`,
                      `t8`.`occurred_at`,
                      `t8`.`quantity`,
                      `t8`.`duration_s`,
                      `t8`.`active_users`,
                      `t8`.`known_at`,
                      `t8`.`day`,
                      `t8`.`known_day`,
                      `t6`.`window_day`,
                      `t6`.`day_mask`,
                      `t6`.`segment`,
                      `t6`.`day_bit`,
                      `t6`.`looks_until`
                    FROM (
                      SELECT
                        `t2`.`account_id`,
                        `t2`.`user_id`,
                        `t2`.`feature`,
                        `t2`.`occurred_at`,
                        `t2`.`quantity`,
                        `t2`.`duration_s`,
                        `t2`.`active_users`,
                        `t2`.`known_at`,
                        DATE(`t2`.`occurred_at`) AS `day`,
                        DATE(`t2`.`known_at`) AS `known_day`
                      FROM `usage` AS `t2`
                    ) AS `t8`
                    INNER JOIN `constants_0` AS `t6`
                      ON `t8`.`day` = `t6`.`window_day`
                  ) AS `t9`
                ) AS `t10`
              ) AS `t11`
              WHERE
                `t11`.`occurred_at` >= DATETIME('2025-03-03T00:00:00')
                AND `t11`.`occurred_at` < DATETIME('2025-06-01T00:00:00')
                AND (
                  `t11`.`day_mask` & 8
                ) <> 0
            ) AS `t12`
            GROUP BY
              1,
              2
          ) AS `t14`
          INNER JOIN `constants_1` AS `t5`
            ON `t14`.`piece` = `t5`.`piece`
        ) AS `t15`
      ) AS `t16`
      GROUP BY
        1,
        2,
        3
    ) AS `t18`
    INNER JOIN `constants_2` AS `t4`
      ON `t18`.`segment` = `t4`.`segment` AND `t18`.`as_of` = `t4`.`as_of`
  ) AS `t19`
  GROUP BY
    1,
    2,
    3
) AS `t20`
GROUP BY
  1,
  2;

-- the last of several
SELECT
  `t12`.*
  EXCEPT (`account_id_0_`, `as_of_0_`)
FROM (
  SELECT
    `t2`.`account_id`,
    `t2`.`as_of`,
    `t11`.`account_id` AS `account_id_0_`,
    `t11`.`as_of` AS `as_of_0_`,
    `t11`.`csm_last`,
    `t11`.`csm_age_days`,
    `t11`.`csm_mean_90d`,
    `t11`.`csm_mean_before`
  FROM `observed` AS `t2`
  LEFT OUTER JOIN (
    SELECT
      `t9`.`account_id`,
      `t9`.`as_of`,
      MAX(IF(`t9`.`newest` = 0, `t9`.`sentiment`, NULL)) AS `csm_last`,
      MIN(`t9`.`age_days`) AS `csm_age_days`,
      AVG(IF(`t9`.`age_days` <= 90, `t9`.`sentiment`, NULL)) AS `csm_mean_90d`,
      AVG(
        IF((
          `t9`.`age_days` > 90
        ) AND (
          `t9`.`age_days` <= 180
        ), `t9`.`sentiment`, NULL)
      ) AS `csm_mean_before`
    FROM (
      SELECT
        `t8`.`account_id`,
        `t8`.`as_of`,
        `t8`.`csm`,
        `t8`.`sentiment`,
        `t8`.`note`,
        `t8`.`logged_at`,
        `t8`.`known_at`,
        `t8`.`age_days`,
        ROW_NUMBER() OVER (
          PARTITION BY `t8`.`account_id`, `t8`.`as_of`
          ORDER BY `t8`.`logged_at` DESC, `t8`.`known_at` DESC, `t8`.`sentiment` ASC
        ) - 1 AS `newest`
      FROM (
        SELECT
          *
        FROM (
          SELECT
            `t6`.`account_id`,
            `t6`.`as_of`,
            `t6`.`csm`,
            `t6`.`sentiment`,
            `t6`.`note`,
            `t6`.`logged_at`,
            `t6`.`known_at`,
            CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t6`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(`t6`.`logged_at`), 86400)) AS INT64) AS `age_days`
          FROM (
            SELECT
              `t5`.`account_id`,
              `t5`.`as_of`,
              `t3`.`csm`,
              `t3`.`sentiment`,
              `t3`.`note`,
              `t3`.`logged_at`,
              `t3`.`known_at`
            FROM (
              SELECT
                *
              FROM `observed` AS `t0`
            ) AS `t5`
            INNER JOIN `csm_sentiment` AS `t3`
              ON `t5`.`account_id` = `t3`.`account_id`
          ) AS `t6`
          WHERE
            `t6`.`known_at` < CAST(`t6`.`as_of` AS DATETIME)
        ) AS `t7`
        WHERE
          `t7`.`age_days` > 0
      ) AS `t8`
    ) AS `t9`
    GROUP BY
      1,
      2
  ) AS `t11`
    ON `t2`.`account_id` = `t11`.`account_id` AND `t2`.`as_of` = `t11`.`as_of`
) AS `t12`;

-- a span of time
SELECT
  `t6`.`account_id`,
  `t6`.`as_of`,
  AVG(
    ieee_divide(
      CAST(CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t6`.`first_response_at`, SECOND)) AS INT64) - CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t6`.`opened_at`, SECOND)) AS INT64) AS FLOAT64),
      3600.0
    )
  ) AS `hours`
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t4`.`account_id`,
      `t4`.`as_of`,
      `t2`.`ticket_id`,
      `t2`.`user_id`,
      `t2`.`opened_at`,
      `t2`.`priority`,
      `t2`.`first_response_at`,
      `t2`.`resolved_at`,
      `t2`.`contacts`,
      `t2`.`reopened`,
      `t2`.`satisfaction`,
      `t2`.`text`,
      `t2`.`known_at`
    FROM (
      SELECT
        *
      FROM `observed` AS `t0`
    ) AS `t4`
    INNER JOIN `tickets` AS `t2`
      ON `t4`.`account_id` = `t2`.`account_id`
  ) AS `t5`
  WHERE
    `t5`.`known_at` < CAST(`t5`.`as_of` AS DATETIME)
) AS `t6`
GROUP BY
  1,
  2;

